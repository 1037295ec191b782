"""Methods that ask bags: how do models fitted without a row treat it?"""
