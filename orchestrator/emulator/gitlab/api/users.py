"""`/user`, `/version`, users with their tokens, groups and namespaces."""

from __future__ import annotations

import re
import secrets

from werkzeug import Response

from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import ApiError, Call, answer, forbidden, invalid, message, missing, nothing
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.ci.predefined import REVISION, VERSION
from orchestrator.emulator.gitlab.records import (
    DEVELOPER,
    GUEST,
    MAINTAINER,
    OWNER,
    REPORTER,
    AccessToken,
    Group,
    Json,
    User,
)

routes = Routes()

LEVELS = frozenset({GUEST, REPORTER, DEVELOPER, MAINTAINER, OWNER})
SCOPES = frozenset({"api", "read_api", "read_user", "read_repository", "write_repository"})
_PATH = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*(?<![.-])")


@routes.add("GET", "/version")
@routes.add("GET", "/metadata")
def version(call: Call) -> Response:
    """Say which GitLab this claims to be."""
    assert_known(call)
    return answer({"version": VERSION, "revision": REVISION, "kas": {"enabled": False}, "enterprise": False})


def assert_known(call: Call) -> None:
    """Raise the 401 unless the caller is known."""
    if call.caller.user.id < 1:
        raise message(401, "401 Unauthorized")


@routes.add("GET", "/user")
def current(call: Call) -> Response:
    """Show the caller."""
    user = call.caller.user
    private = {"email": user.email, "is_admin": user.admin, "bot": user.bot, "created_at": user.created_at}
    return answer({**present.user(call.world, user), **private})


@routes.add("GET", "/users")
def users(call: Call) -> Response:
    """List users, by name if one is given."""
    assert_known(call)
    wanted = call.text("username")
    found = [user for user in call.world.state.users.values() if wanted in (None, user.username)]
    return call.page(found, lambda user: present.user(call.world, user))


@routes.add("GET", "/users/<user_id>")
def one_user(call: Call) -> Response:
    """Show a user."""
    assert_known(call)
    return answer(present.user(call.world, _user(call)))


def _user(call: Call) -> User:
    found = call.world.state.users.get(call.number("user_id"))
    if found is None:
        raise missing("User")
    return found


@routes.add("POST", "/users")
def create_user(call: Call) -> Response:
    """Create a user (administrators only)."""
    _admin(call)
    username, email = call.require("username", "email")
    state = call.world.state
    if not _PATH.fullmatch(username):
        raise message(400, {"username": ["can contain only letters, digits, '_', '-' and '.'"]})
    with state.lock:
        if any(user.username.lower() == username.lower() for user in state.users.values()):
            raise message(409, "Username has already been taken")
        user = User(state.next_id("user"), username, call.text("name") or username, email, call.flag("admin"))
        state.users[user.id] = user
        state.save_server()
    return answer(present.user(call.world, user), 201)


@routes.add("POST", "/users/<user_id>/block")
def block(call: Call) -> Response:
    """Block a user (administrators only, and never oneself): the account's tokens open nothing any more."""
    _admin(call)
    if _user(call) is call.caller.user:
        raise forbidden("403 Forbidden - The API initiating user cannot be blocked by the API")
    return _become(call, "blocked")


@routes.add("POST", "/users/<user_id>/unblock")
def unblock(call: Call) -> Response:
    """Let a blocked user in again (administrators only)."""
    return _become(call, "active")


def _become(call: Call, state: str) -> Response:
    _admin(call)
    _user(call).state = state
    call.world.state.save_server()
    return answer(True, 201)  # noqa: FBT003 - the whole body is `true`


@routes.add("GET", "/personal_access_tokens/self")
def own_token(call: Call) -> Response:
    """Show the personal or project access token of this request, without its secret."""
    caller = call.caller
    token = caller.token
    if caller.job is not None:
        raise message(400, "400 Bad request - This endpoint requires token type to be a personal access token")
    if token is None:
        token = AccessToken(0, "", caller.user.id, "root", sorted(caller.scopes), created_at=caller.user.created_at)
    return answer(_show_token(token))


def _admin(call: Call) -> None:
    if not call.caller.user.admin:
        raise forbidden()


@routes.add("POST", "/users/<user_id>/personal_access_tokens")
def create_token(call: Call) -> Response:
    """Create a personal access token for a user (administrators only); shown this once."""
    _admin(call)
    return answer(_make_token(call, _user(call), None, OWNER), 201)


@routes.add("POST", "/projects/<project>/access_tokens")
def create_project_token(call: Call) -> Response:
    """Create a project access token with its bot user; shown this once."""
    project = call.project(MAINTAINER)
    level = call.number("access_level") if "access_level" in call.params else MAINTAINER
    if level not in LEVELS or level > call.caller.level(project):
        raise invalid("access_level does not have a valid value")
    state = call.world.state
    with state.lock:
        number = state.next_id("user")
        name = f"project_{project.id}_bot_{secrets.token_hex(8)}"
        bot = User(number, name, call.text("name") or name, f"{name}@noreply.example.com", bot=True)
        state.users[number] = bot
        project.members[str(number)] = level
        shown = _make_token(call, bot, project.id, level)
        state.save_project(project)
    return answer(shown, 201)


def _make_token(call: Call, user: User, project_id: int | None, level: int) -> Json:
    (name,) = call.require("name")
    scopes = call.params.get("scopes")
    listed = [scopes] if isinstance(scopes, str) else scopes
    if not isinstance(listed, list) or not listed or not all(str(scope) in SCOPES for scope in listed):
        raise invalid("scopes does not have a valid value")
    state = call.world.state
    with state.lock:
        secret = f"glpat-{secrets.token_urlsafe(15)}"
        token = AccessToken(state.next_id("token"), secret, user.id, name, listed, project_id, level)
        token.expires_at = call.text("expires_at")
        state.tokens[token.id] = token
        state.save_server()
    return {**_show_token(token), "token": token.token, "access_level": level}


def _show_token(token: AccessToken) -> Json:
    return {
        "id": token.id,
        "name": token.name,
        "user_id": token.user_id,
        "scopes": token.scopes,
        "revoked": token.revoked,
        "active": not token.revoked,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    }


@routes.add("DELETE", "/projects/<project>/access_tokens/<token_id>")
def revoke_project_token(call: Call) -> Response:
    """Revoke a project access token."""
    project = call.project(MAINTAINER)
    token = call.world.state.tokens.get(call.number("token_id"))
    if token is None or token.project_id != project.id:
        raise missing()
    token.revoked = True
    call.world.state.save_server()
    return nothing()


@routes.add("GET", "/groups")
@routes.add("GET", "/namespaces")
def groups(call: Call) -> Response:
    """List groups."""
    assert_known(call)
    wanted = (call.text("search") or "").lower()
    found = [group for group in call.world.state.groups.values() if wanted in group.full_path.lower()]
    return call.page(found, lambda group: present.namespace(call.world, group.full_path))


@routes.add("GET", "/groups/<group>")
@routes.add("GET", "/namespaces/<group>")
def one_group(call: Call) -> Response:
    """Show a group by number or full path."""
    assert_known(call)
    name, state = call.args["group"], call.world.state
    found = state.groups.get(int(name)) if re.fullmatch(r"\d{1,18}", name, re.ASCII) else state.group_at(name)
    if found is None:
        raise missing("Group")
    return answer(present.namespace(call.world, found.full_path))


@routes.add("POST", "/groups")
def create_group(call: Call) -> Response:
    """Create a group, below a parent if one is named."""
    assert_known(call)
    name, path = call.require("name", "path")
    parent = call.world.state.groups.get(call.number("parent_id")) if call.params.get("parent_id") else None
    full_path = f"{parent.full_path}/{path}" if parent else path
    if call.world.state.group_at(full_path):
        raise message(400, 'Failed to save group {:path=>["has already been taken"]}')
    made = make_group(call, full_path, name)
    return answer(present.namespace(call.world, made.full_path), 201)


def make_group(call: Call, full_path: str, name: str | None = None) -> Group:
    """Return the group at a path, made with its parents where they do not exist."""
    state = call.world.state
    with state.lock:
        existing = state.group_at(full_path)
        if existing:
            return existing
        parent_path, _, path = full_path.rpartition("/")
        if not _PATH.fullmatch(path):
            raise ApiError(400, {"message": {"path": ["can contain only letters, digits, '_', '-' and '.'"]}})
        parent = make_group(call, parent_path) if parent_path else None
        group = Group(state.next_id("group"), name or path, path, full_path, parent.id if parent else None)
        state.groups[group.id] = group
        state.save_server()
        return group
