"""Rows of text for causal language models: tokens, losses, representations, and fine-tuning by LoRA."""

from .finetune import FineTuned as FineTuned
from .finetune import finetune as finetune
from .finetune import with_adapters as with_adapters
from .lora import LoRA as LoRA
from .losses import answer_losses as answer_losses
from .losses import token_losses as token_losses
from .representations import representations as representations
from .rows import token_rows as token_rows
