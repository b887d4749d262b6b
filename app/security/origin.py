"""Where a browser's request comes from: the check that no cookie alone may pass."""

from urllib.parse import urlsplit


def same_origin(origin: str, *, host: str, public_url: str | None) -> bool:
    """Whether `origin` (the header) is the host that was asked, or ERRAND_PUBLIC_URL.

    The scheme of our own host is not compared: behind a proxy that ends TLS we would not know it.
    """
    try:
        given = urlsplit(origin)
    except ValueError:
        return False
    if given.scheme not in {"http", "https"} or not given.netloc:
        return False
    if given.netloc.lower() == host.lower():
        return True
    if not public_url:
        return False
    public = urlsplit(public_url)
    return (given.scheme, given.netloc.lower()) == (public.scheme, public.netloc.lower())
