"""What the applications can be asked for: failures with the word that the log then has, deaths, recursions."""

FAILURES = {
    "Exception": "Exception: the secret",
    "Own": "Own: the secret",
    "SystemExit": "SystemExit: 0",
    "SystemExit3": "SystemExit: with a text",
    "KeyboardInterrupt": "KeyboardInterrupt",
    "GeneratorExit": "GeneratorExit",
    "StopIteration": "StopIteration: 5",
    "StopAsyncIteration": "StopAsyncIteration",
    "RecursionError": "RecursionError: maximum recursion depth",
    "MemoryError": "MemoryError",
    "raised MemoryError": "MemoryError",
    "Unprintable": "<exception str() failed>",
    "RuntimeError": "direct cause",
    "ExceptionGroup": "ExceptionGroup: group",
    "UnicodeEncodeError": "surrogates not allowed",
    "surrogate": "lone \\udcff",
    "ConnectionResetError": "ConnectionResetError: of a data base",
    "BrokenPipeError": "BrokenPipeError: of a data base",
    "SyntaxError": "invalid syntax",
    "html": "<script>&\"'",
    "nul": "nulnul",
}

RECURSIONS = ["plain", "repr", "json", "json_loads", "pickle", "deepcopy", "compare", "own_repr", "own_compare"]
RECURSIONS += ["attribute", "call", "mapped", "partial", "hooked", "executed"]

DEATHS = ["exit", "exit3", "segfault", "abort", "kill"]
