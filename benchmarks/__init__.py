"""How fast the engine is: against the published loop, against lucent, and against the machine."""
