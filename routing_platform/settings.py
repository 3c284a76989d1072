"""Django settings: one module, driven by the environment (routing_platform/env.py lists every variable)."""

from django.urls import reverse_lazy

from routing_platform import redis_urls
from routing_platform.databases import database_config
from routing_platform.env import BASE_DIR, read_environment
from routing_platform.logs import configure_logging
from routing_platform.unfold import UNFOLD as UNFOLD

ENV = read_environment()

DEBUG: bool = ENV["DEBUG"]
SECRET_KEY: str = ENV["SECRET_KEY"] or ("debug-only" if DEBUG else "")
ALLOWED_HOSTS: list[str] = ENV["ALLOWED_HOSTS"] or (["localhost", "127.0.0.1"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS: list[str] = ENV["CSRF_TRUSTED_ORIGINS"]
ROOT_URLCONF = "routing_platform.urls"
WSGI_APPLICATION = "routing_platform.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True
INSTALLED_APPS = [
    # BasicAppConfig: plain "unfold" would replace our own admin site.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "routing_platform.admin_app.RoutingAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "simple_history",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prometheus",
    "policies",
    "execution",
]

MIDDLEWARE = [
    "routing_platform.middleware.DatabaseUnavailableMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "routing_platform.middleware.HtmxLoginRedirectMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- Database --------------------------------------------------------------------------------------------------------
# A pool bounds the connections of a process; its time-out is what turns "PostgreSQL is gone" into a quick 503.
DATABASES = {"default": database_config(ENV["DATABASE_URL"], pool_size=ENV["WEB_THREADS"] + 8)}

# --- Redis: a hint, a cache and a broker; losing it loses nothing ----------------------------------------------------
REDIS_URL = redis_urls.checked(ENV["REDIS_URL"])
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": redis_urls.with_database(REDIS_URL, 1),
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        "KEY_PREFIX": "routing",
    }
}

# --- Celery (facts behind every value: docs/reliability notes in docs/decisions) -------------------------------------
CELERY_BROKER_URL = redis_urls.for_celery(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "health_check_interval": 25,
    "global_keyprefix": "routing:",
}
CELERY_TASK_PUBLISH_RETRY = False  # a wake-up that cannot be published is dropped: the sweep finds the row
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONSUMER = "routing_platform.consumer:StrictConsumer"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_DEFAULT_QUEUE = "background"
CELERY_TASK_ROUTES = {
    "execution.tasks.wake_executor": {"queue": "entry"},
    "execution.tasks.wake_executor_urgently": {"queue": "exit"},
    "execution.tasks.poll_health": {"queue": "health"},
    "execution.tasks.check_credentials": {"queue": "reconcile"},
    "execution.tasks.evaluate_alerts": {"queue": "health"},
}
CELERY_BEAT_SCHEDULE = {
    "poll-health": {"task": "execution.tasks.poll_health", "schedule": 2.0, "options": {"expires": 10}},
    "refresh-markets": {"task": "execution.tasks.refresh_markets", "schedule": 5.0, "options": {"expires": 10}},
    "check-credentials": {
        "task": "execution.tasks.check_credentials",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "evaluate-alerts": {"task": "execution.tasks.evaluate_alerts", "schedule": 5.0, "options": {"expires": 10}},
    "send-alerts": {"task": "execution.tasks.send_alerts", "schedule": 5.0, "options": {"expires": 10}},
    "measure-costs": {"task": "execution.tasks.measure_costs", "schedule": 5.0, "options": {"expires": 10}},
    "count-volumes": {"task": "execution.tasks.count_volumes", "schedule": 900.0, "options": {"expires": 600}},
    "canaries": {"task": "execution.tasks.send_canaries", "schedule": 15.0, "options": {"expires": 10}},
    "prune": {"task": "execution.tasks.prune", "schedule": 3600.0, "options": {"expires": 3600}},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(BASE_DIR / ".local" / "celerybeat-schedule")

# --- API -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["execution.api.auth.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["execution.api.auth.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["execution.api.parsers.DecimalJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "execution.api.documented.Schema",
    "EXCEPTION_HANDLER": "execution.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Routing platform",
    "DESCRIPTION": "Submit signals; see where each was routed, why, and what became of it.",
    "VERSION": "1",
    "PREPROCESSING_HOOKS": ["execution.api.documented.without_trailing_slash"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": ["rest_framework.authentication.SessionAuthentication"],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "SideEnum": "execution.models.signal.SIDES",
        "SideWordEnum": "execution.api.signal_input.SIDE_WORDS",
        "OrderStatusEnum": "execution.models.order.ORDER_STATUSES",
        "SignalStatusEnum": "execution.models.signal.SIGNAL_STATUSES",
        "UnknownReasonEnum": "execution.models.costs.REASONS_UNKNOWN",
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE: int = ENV["MAX_BODY_BYTES"]

# --- People ----------------------------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
SIMPLE_HISTORY_REVERT_DISABLED = True

# --- Language and time: English, UTC, one format everywhere ----------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
USE_THOUSAND_SEPARATOR = False
FORMAT_MODULE_PATH = ["routing_platform.formats"]

# --- Static files ----------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True

# --- Security --------------------------------------------------------------------------------------------------------
_https = not (DEBUG or ENV["INSECURE_HTTP"])
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$"]
SESSION_COOKIE_AGE = 8 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "routing_platform.error_reports.AlwaysSafeFilter"
if ENV["BEHIND_TLS_PROXY"]:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Unfold's Alpine needs 'unsafe-eval' for scripts and inline styles; nothing comes from another host.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "object-src": ["'none'"],
    }
}

LOGGING_CONFIG = None
configure_logging(level=ENV["LOG_LEVEL"], as_json=ENV["LOG_JSON"])
