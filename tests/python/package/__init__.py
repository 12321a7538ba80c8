"""The wheel, as the people who install it use it; run by the interpreter of an environment that has it installed."""
