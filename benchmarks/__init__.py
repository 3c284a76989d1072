"""How fast the platform is, always beside raw ccxt in the same run: these figures mean something only as ratios."""
