"""The one exception that users are meant to read."""


class UserError(Exception):
    """Bad input or settings.

    The message is one line that names the file, the key or the sample, says what is wrong with it and
    what to do; it is shown to the user without a traceback.
    """
