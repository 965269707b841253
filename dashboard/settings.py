"""All settings, read once from the environment or `.env`; `.env.example` describes each."""

import logging
import os
from pathlib import Path
from urllib.parse import urlsplit

import huey
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from environs import EnvError

from dashboard.lib.env import ROOT, kept_secret, reader
from dashboard.lib.sealing import KeyRing
from dashboard.rembg.address import WRONG_ADDRESSES, base_of

env = reader()

DEBUG = env.bool("DEBUG", False)
PORT = env.int("PORT", 8000)
SANDBOX_PORT = env.int("SANDBOX_PORT", 8001)
data_dir = env.path("DATA_DIR", ROOT / "var")
SITE_URL = env.str("SITE_URL", "")
hosts: list[str] = env.list("HOSTS", [])
SECRET_KEY = env.str("SECRET_KEY", "")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
ENCRYPTION_KEYS: list[str] = env.list("ENCRYPTION_KEYS", [])
REMBG_API_URL = env.str("REMBG_API_URL", "")
REMBG_SITE_URL = env.str("REMBG_SITE_URL", "")
API_KEY = env.str("API_KEY", "")
REMBG_DEADLINE_SECONDS = env.float("REMBG_DEADLINE_SECONDS", 120.0)
database = env.dj_db_url("DATABASE_URL", "sqlite:///")
DATABASE_CONNECTIONS = env.int("DATABASE_CONNECTIONS", 24)
redis_url = env.str("REDIS_URL", "")
email = env.dj_email_url("EMAIL_URL", "file:///")
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", "RemBG dashboard <dashboard@localhost>")
SIGN_UP_OPEN = env.bool("SIGN_UP_OPEN", True)
EMAIL_VERIFICATION = env.str("EMAIL_VERIFICATION", "none")
BEHIND_PROXY = env.int("BEHIND_PROXY", 0)
POLL_SECONDS = env.int("POLL_SECONDS", 900)
POLL_THREADS = env.int("POLL_THREADS", 24)
WORKER_THREADS = env.int("WORKER_THREADS", 4)
# One a processor that this process may use: most of a call is waiting, some is work.
WEB_WORKERS = env.int("WEB_WORKERS", min(4, len(os.sched_getaffinity(0))))
QUEUE_LIMIT = env.int("QUEUE_LIMIT", 10_000)
DEMO = env.bool("DEMO", False)
CRASH_AT = env.str("CRASH_AT", "")
LOG_LEVEL = env.log_level("LOG_LEVEL", logging.INFO)
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
try:
    env.seal()
except EnvError as exc:
    raise ImproperlyConfigured(str(exc)) from exc

DATA_DIR = Path(data_dir) if Path(data_dir).is_absolute() else ROOT / data_dir
DATA_DIR.mkdir(parents=True, exist_ok=True)
SITE_URL = (SITE_URL or f"http://127.0.0.1:{PORT}").rstrip("/")
REMBG_API_URL = REMBG_API_URL or f"http://127.0.0.1:{SANDBOX_PORT}"
REMBG_SITE_URL = REMBG_SITE_URL or f"http://127.0.0.1:{SANDBOX_PORT}"

try:
    REMBG_API_URL, REMBG_SITE_URL = base_of(REMBG_API_URL), base_of(REMBG_SITE_URL)
except ValueError as exc:
    raise ImproperlyConfigured(f"REMBG_API_URL, REMBG_SITE_URL: {exc}") from exc
if not SITE_URL.startswith(("http://", "https://")):
    raise ImproperlyConfigured("SITE_URL: use http:// or https://.")

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HTTPS = SITE_URL.startswith("https://")
site_host = urlsplit(SITE_URL).hostname or ""
ALLOWED_HOSTS = [site_host, *hosts]
if site_host in LOOPBACK:
    ALLOWED_HOSTS += ["127.0.0.1", "localhost", "[::1]"]
if DEBUG and site_host not in LOOPBACK:
    raise ImproperlyConfigured("DEBUG is for this machine only: SITE_URL is not on loopback.")
if EMAIL_VERIFICATION not in ("none", "optional", "mandatory"):
    raise ImproperlyConfigured("EMAIL_VERIFICATION: use none, optional or mandatory.")
if not SECRET_KEY:
    SECRET_KEY = kept_secret(DATA_DIR / "secrets" / "secret_key")
if not ENCRYPTION_KEYS and (kept := DATA_DIR / "secrets" / "encryption_keys").exists():
    # Made by `manage.py setup`, only while nothing is sealed yet: never silently (promises K16).
    ENCRYPTION_KEYS = kept.read_text().split(",")
try:
    KeyRing.parse(ENCRYPTION_KEYS)
except ValueError as exc:
    raise ImproperlyConfigured(str(exc)) from exc

ROOT_URLCONF = "dashboard.urls"
WSGI_APPLICATION = "dashboard.wsgi.application"
AUTH_USER_MODEL = "teams.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "django_tasks",
    "huey.contrib.djhuey",
    "template_partials",
    "dashboard.teams",
    "dashboard.keys",
    "dashboard.usage",
    "dashboard.removals",
    "dashboard.gateway",
    "dashboard.overview",
    "dashboard.reference",
    "dashboard.sandbox",
]

MIDDLEWARE = [
    "dashboard.lib.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dashboard.lib.middleware.private_answers",
    "dashboard.lib.request_limits.refusals",
    # What stands below is for pages.
    "dashboard.gateway.wire.answer_wire",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.lib.middleware.bounded_sessions",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.overview.error_pages.wrong_method",
    "dashboard.lib.busy.busy_database",
    "dashboard.lib.request_limits.body_cap",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "template_partials.templatetags.partials",
                "dashboard.lib.template_tags",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.teams.context.frame",
            ],
        },
    }
]

# ── Data ─────────────────────────────────────────────────────────────────────
SQLITE_OPTIONS = {
    # DEFERRED lets 49 of 50 writers fail at once; FULL so that what is committed survives (R16).
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
        "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;"
    ),
}
POSTGRES_OPTIONS = {
    "options": (
        "-c statement_timeout=15000 -c lock_timeout=5000 "
        "-c idle_in_transaction_session_timeout=30000"
    ),
    "connect_timeout": 5,
    # Fewer than threads: a call that waits for RemBG holds none. While PostgreSQL is away every
    # request waits for `timeout`, and a new try to connect begins at most 30 seconds later (R23).
    "pool": {
        "min_size": 1,
        "max_size": DATABASE_CONNECTIONS,
        "timeout": 5,
        "reconnect_timeout": 30,
    },
}
if database["NAME"] == ":memory:":
    database["NAME"] = str(DATA_DIR / "db.sqlite3")
SQLITE = database["ENGINE"].endswith("sqlite3")
if SQLITE:
    # Closing the last connection checkpoints the WAL; keeping it open avoids that on each request.
    database |= {
        "ENGINE": "dashboard.lib.queued_sqlite3",
        "OPTIONS": SQLITE_OPTIONS,
        "CONN_MAX_AGE": 600,
    }
else:
    database |= {"OPTIONS": POSTGRES_OPTIONS, "CONN_HEALTH_CHECKS": True}
# Tests use a file too: threads and worker processes share it as they do in real use.
database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")} if SQLITE else {}
DATABASES = {"default": database}

if redis_url:
    CACHES: dict[str, dict[str, object]] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis_url,
        }
    }
    HUEY = huey.RedisHuey("dashboard", url=redis_url, immediate=False, results=True)
else:
    CACHES = {
        "default": {
            "BACKEND": "dashboard.lib.database.LoudDatabaseCache",
            "LOCATION": "cache",
            # With Django's 300, many addresses that guess would push each other's counts out.
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    }
    HUEY = huey.SqliteHuey(
        "dashboard", filename=str(DATA_DIR / "queue.sqlite3"), immediate=False, results=True
    )
TASKS = {
    "default": {
        "BACKEND": "huey.contrib.djhuey.tasks_backend.HueyBackend",
        "ENQUEUE_ON_COMMIT": True,
    }
}

# ── People ───────────────────────────────────────────────────────────────────
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "dashboard.teams.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "dashboard.teams.forms.SignUpForm"
ACCOUNT_EMAIL_VERIFICATION = EMAIL_VERIFICATION
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_NOTIFICATIONS = False
ALLAUTH_TRUSTED_PROXY_COUNT = BEHIND_PROXY
# Beside django-allauth's own; `teams.sign_in_limits` says what each counts.
ACCOUNT_RATE_LIMITS = {
    "wrong_passwords_of_address": "10/m/ip",
    "wrong_passwords_from_here": "5/5m/key",
    "wrong_passwords_from_anywhere": "50/15m/key",
}

# ── The browser's side ───────────────────────────────────────────────────────
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = HTTPS
# A program is told, not led away: a redirect would already have carried the key in clear (T21).
WIRE = [r"^rmbg$", r"^api/membership-usage$", r"^api/openapi$", rf"^{WRONG_ADDRESSES}$"]
SECURE_REDIRECT_EXEMPT = [*WIRE, r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = "__Host-sid" if HTTPS else "sid"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
CSRF_TRUSTED_ORIGINS = [SITE_URL] if HTTPS else []
CSRF_FAILURE_VIEW = "dashboard.overview.error_pages.csrf"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": DATA_DIR / "files",
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {"BACKEND": "dashboard.lib.static.HashedFiles"},
}

# ── Uploads ──────────────────────────────────────────────────────────────────
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "tmp"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True, mode=0o700)
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 40
DATA_UPLOAD_MAX_NUMBER_FILES = 2
# A result may have 100 MB; room for two, so that what is paid for has a place (promises R5).
ROOM_BYTES = 2 * 100 * 1024 * 1024
# How long a second call with an Idempotency-Key waits for the first one's answer (promises R18).
IDEMPOTENCY_WAIT_SECONDS = 10.0

# ── Language, mail, log ──────────────────────────────────────────────────────
LANGUAGE_CODE = "en-gb"  # "8 Nov", in Python and in the browser alike
LANGUAGES = [("en-gb", "English")]
FORMAT_MODULE_PATH = "dashboard.lib.formats"
LOCALE_PATHS = [ROOT / "dashboard" / "locale"]
USE_THOUSAND_SEPARATOR = True
TIME_ZONE = "UTC"
EMAIL_TIMEOUT = 10
if "EMAIL_BACKEND" not in email:
    raise ImproperlyConfigured("EMAIL_URL: use submission://, smtps://, smtp:// or file://.")
EMAIL_BACKEND = email["EMAIL_BACKEND"]
# Without a mail server, letters are files that the operator can open.
EMAIL_FILE_PATH = email["EMAIL_FILE_PATH"] or DATA_DIR / "mail"
EMAIL_HOST, EMAIL_PORT = email["EMAIL_HOST"], email["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = email["EMAIL_HOST_USER"], email["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = email["EMAIL_USE_TLS"], email["EMAIL_USE_SSL"]
# At DEBUG urllib3 writes whole addresses, and the templates a page's context, secrets included.
QUIET = ("urllib3", "requests", "PIL", "huey", "django.template", "django.db.backends")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "dashboard.lib.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # A wrong Host is answered 400 and has its access line; a traceback would say no more.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        **{name: {"level": "WARNING"} for name in QUIET},
    },
}
