"""Floor 2: how much. The size ladder, Kelly, and a policy trained by reinforcement learning."""
