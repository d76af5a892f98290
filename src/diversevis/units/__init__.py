"""What a unit is: the contract of a layer of units, patch units and norms."""
