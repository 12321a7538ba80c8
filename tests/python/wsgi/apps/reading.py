"""Reading scripts: a list of calls, done on a stream. Used by an application and, on `io.BytesIO`, by the tests."""


def perform(stream, script):
    """Does what a script of `[method, argument...]` says; gives the results as latin-1 texts."""
    results = []
    for name, *arguments in script:
        if name == "next":
            results.append(text(next(stream, b"")))
        elif name == "list":
            results.append([text(line) for line in stream])
        elif name == "readinto":
            buffer = bytearray(*arguments)
            count = stream.readinto(buffer)
            results.append([count, text(bytes(buffer))])
        else:
            found = getattr(stream, name)(*arguments)
            results.append([text(line) for line in found] if name == "readlines" else text(found))
    return results


def text(data):
    assert type(data) is bytes
    return data.decode("latin-1")
