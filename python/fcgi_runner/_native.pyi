from fcgi_runner.starting import Application

__all__ = ["serve", "version"]

def serve(
    application: Application | None,
    words: list[str],
    /,
    authorizer: Application | None = None,
    filter: Application | None = None,  # noqa: A002 - the name of the option
) -> bool: ...
def version() -> str: ...
