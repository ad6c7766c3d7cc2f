"""SQL as a product: plans in, readable statements out. Nothing here touches a warehouse."""
