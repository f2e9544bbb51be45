"""The errors that CodeBuild answers with, named as on the wire."""

from __future__ import annotations


class ServiceFault(Exception):
    """A request that is refused; `code` becomes `__type`, the text becomes `message` (HTTP 400)."""

    code = "InternalFailure"
    status = 400

    @property
    def message(self) -> str:
        """Return the sentence that the client reads."""
        return str(self)


class InvalidInput(ServiceFault):
    """A value is missing, malformed, or in conflict with another."""

    code = "InvalidInputException"


class ResourceNotFound(ServiceFault):
    """The project or build does not exist."""

    code = "ResourceNotFoundException"


class ResourceAlreadyExists(ServiceFault):
    """A project of that name exists."""

    code = "ResourceAlreadyExistsException"


class AccountLimitExceeded(ServiceFault):
    """More builds were asked for than the project or the account may run."""

    code = "AccountLimitExceededException"


class Serialization(ServiceFault):
    """The body is not JSON, or a member has the wrong type."""

    code = "SerializationException"


class UnknownOperation(ServiceFault):
    """The operation is not one of CodeBuild's, or the emulator does not have it."""

    code = "UnknownOperationException"


class InternalFailure(ServiceFault):
    """A bug in the emulator."""

    status = 500
