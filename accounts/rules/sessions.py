"""Why an API login, a token or a code is refused: each with the code that programs see."""

from __future__ import annotations

from config.kit.errors import DomainError, Forbidden, NotAuthenticated


class LoginRefused(NotAuthenticated):
    """Unknown, unconfirmed, suspended or the wrong password: nobody is told which."""

    code = "login_refused"
    message = "The e-mail address or the password is not right."


class SecondFactorRequired(NotAuthenticated):
    """`challenge` goes to /auth/second-factor with a code, within `expires_in` seconds."""

    code = "second_factor_required"
    message = "The password is right. Send the challenge with a code of the second factor."

    def __init__(self, *, challenge: str, expires_in: int, methods: list[str]) -> None:
        super().__init__(challenge=challenge, expires_in=expires_in, methods=methods)


class SecondFactorMissing(Forbidden):
    code = "second_factor_missing"
    message = "Staff sign in with a second factor. Set one up on the website first."


class SecondFactorRefused(NotAuthenticated):
    code = "second_factor_refused"
    message = "The code is not right, or was used already."


class ChallengeUnknown(NotAuthenticated):
    code = "challenge_unknown"
    message = "This challenge was used, or has run out. Log in again."


class AccessTokenRefused(NotAuthenticated):
    code = "token_invalid"
    message = "The access token is not valid, or no longer. Refresh it or log in again."


class RefreshTokenRefused(NotAuthenticated):
    code = "refresh_token_invalid"
    message = "The refresh token is not valid, or no longer. Log in again."


class GrantRefused(DomainError):
    """Of a hand-over or device code: which part was wrong is not told."""

    code = "invalid_grant"
    status = 400
    message = "The code is unknown, used, run out, or was given to another app."


class ClientUnknown(DomainError):
    code = "unknown_client"
    status = 400
    message = "No app with this id is known here."


class HandoverRefused(DomainError):
    code = "handover_refused"
    status = 400
    message = "The app asked for a login in a way that is not safe."


class AuthorizationPending(DomainError):
    code = "authorization_pending"
    status = 400
    message = "Nobody has decided yet. Ask again after `interval` seconds."


class SlowDown(DomainError):
    """`interval` is what the client must wait from now on, in seconds."""

    code = "slow_down"
    status = 400
    message = "You ask too often. Wait `interval` seconds between two questions."

    def __init__(self, *, interval: int) -> None:
        super().__init__(interval=interval)


class CodeExpired(DomainError):
    code = "expired_token"
    status = 400
    message = "The code has run out. Start again."


class AccessDenied(DomainError):
    code = "access_denied"
    status = 400
    message = "The person said no."


class SessionsUnknown(DomainError):
    """Who has ended cannot be looked up: a stolen token of staff must not pass meanwhile."""

    code = "sessions_unavailable"
    status = 503
    message = "Who is signed in cannot be checked just now. Try again."
