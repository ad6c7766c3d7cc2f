"""Who may read which feature, and how features are named."""
