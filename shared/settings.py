"""What can be configured, read from the environment (prefix ``FORETIDE_``); ``.env.example`` explains each."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Device = Literal["auto", "cpu", "gpu"]
_SHORTEST_KEY = 32


class Settings(BaseSettings):
    """Settings shared by every process. Nothing reads the environment at import time: entry points call this."""

    model_config = SettingsConfigDict(env_prefix="FORETIDE_", extra="ignore")

    bus_url: str
    """AMQP URL of RabbitMQ (3.10 or newer)."""
    database_url: str
    """PostgreSQL URL of the services' login role (``authenticator``; on Supabase the direct connection)."""
    store_url: str
    """``file:///folder`` or ``s3://key:secret@host:port?region=us-east-1&tls=false``."""
    public_url: str = "http://127.0.0.1:8080"
    """Where people reach the gateway; signed URLs of the folder store start with it."""
    trainer_url: str | None = None
    """Where the notifier finds the trainer's API, to which it passes commands that come over the socket."""
    signing_secret: SecretStr = SecretStr("")
    """Signs download URLs of the folder store. Needed with a ``file://`` store only."""

    encryption_key: SecretStr | None = None
    """Secrets of users are encrypted with it. Of several, separated by commas, the first encrypts; all decrypt."""

    jwt_secret: SecretStr | None = None
    jwks_url: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: str = "authenticated"

    log_level: str = "INFO"
    log_format: str = "json"
    cors_origins: Annotated[list[str], NoDecode] = Field(default_factory=list)

    database_pool_size: int = Field(default=8, ge=2, le=100)
    lease_seconds: float = Field(default=30.0, ge=1.0, le=3600.0)
    """How long a running job stays its worker's without a heartbeat (one is sent every third of it)."""
    job_attempts: int = Field(default=5, ge=1, le=100)
    """How often a job is taken up again after its worker was lost, before it fails for good."""
    worker_slots: int = Field(default=1, ge=1, le=64)
    """Jobs that one worker process runs at a time."""
    threads_per_job: int = Field(default=0, ge=0, le=256)
    """Threads a training child may use; 0 means all cores divided by the worker's slots."""
    device: Device = "auto"
    """What networks compute on: a GPU where there is one, never one, or nothing else."""
    preload_models: bool = True
    """Keep the next job's process waiting with every library loaded: a start seconds earlier for some 700 MB."""
    dataset_memory_bytes: int = Field(default=2 * 1024**3, ge=128 * 1024**2)
    """Memory that the making of one dataset may take; datasets themselves may be larger."""
    retry_delays_seconds: Annotated[list[int], NoDecode] = Field(default_factory=lambda: [1, 10, 60])
    """Waiting times between attempts at a message; after the last one it is a dead letter."""
    sweep_seconds: float = Field(default=10.0, ge=0.2, le=3600.0)
    """How often lost leases, expired uploads and old message records are looked for."""

    reconcile_hours: float = Field(default=24.0, ge=0, le=24 * 365)
    """How often the store and the rows are compared; 0 means never by itself."""
    orphan_grace_hours: float = Field(default=24.0, ge=1, le=24 * 365)
    """How long an object that no row claims is left alone."""
    retention_days: float | None = Field(default=None, gt=0)
    """Runs that ended longer ago are removed, unless they are in use; None keeps them."""
    retention_runs: int | None = Field(default=None, ge=1)
    """Of each user's runs this many are kept, the newest, beside those in use; None keeps all."""

    max_file_bytes: int = Field(default=500 * 1024 * 1024, ge=1024)
    max_chunk_bytes: int = Field(default=16 * 1024 * 1024, ge=64 * 1024)
    upload_expiry_hours: float = Field(default=24.0, gt=0)
    clamav_url: str | None = Field(default=None, pattern=r"^(tcp://[^/:]+:\d{1,5}|unix:///.+)$")
    """``tcp://host:port`` or ``unix:///path`` of a ClamAV daemon that scans every uploaded file."""

    requests_per_minute: int = Field(default=100, ge=1, le=10_000_000)
    """Control requests that one user may make, in all services together; as many at once."""
    upload_bytes_per_minute: int = Field(default=4 * 1024**3, ge=1024**2, le=1024**5)
    """Bytes that one user may send in chunks and by tus; as many at once."""
    storage_quota_bytes: int = Field(default=50 * 1024**3, ge=0, le=1024**5)
    """What one user may store: files, their canonical copies, datasets, models and results."""

    key_requests_per_minute: int = Field(default=60, ge=1, le=10_000_000)
    """Forecasts that one API key may ask for; as many at once."""
    max_forecast_bytes: int = Field(default=8 * 1024**2, ge=1024, le=32 * 1024**2)
    """Largest body of new rows that is forecast from."""
    forecast_seconds: float = Field(default=60.0, ge=1.0, le=600.0)
    """How long a forecast may take, the time that it waits for others included."""
    forecast_slots: int = Field(default=2, ge=1, le=256)
    """Forecasts that one process of the trainer's API computes at a time; others wait."""
    forecast_cache_bytes: int = Field(default=2 * 1024**3, ge=1024**2)
    """Disk on which the trainer's API keeps the models that it forecast with."""

    webhook_timeout_seconds: float = Field(default=15.0, ge=0.1, le=60.0)
    """How long a webhook's receiver may take to answer."""
    webhook_delays_seconds: Annotated[list[float], NoDecode] = Field(
        default_factory=lambda: [5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0]
    )
    """Waiting times between attempts at a webhook; the first attempt is made at once."""
    webhook_disable_hours: float = Field(default=120.0, gt=0)
    """A webhook at which everything has failed for so long is made inactive."""
    webhook_allow_http: bool = False
    """Whether webhooks may have http:// addresses."""
    webhook_allow_private: bool = False
    """Whether webhooks may lead to addresses that are not public: this machine, private networks."""

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("cors_origins", "retry_delays_seconds", "webhook_delays_seconds"):
            value = values.get(name)
            if isinstance(value, str):
                values[name] = [part.strip() for part in value.split(",") if part.strip()]
        return values

    @field_validator("encryption_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        keys = [key.strip() for key in value.get_secret_value().split(",")] if value else []
        if not any(keys):
            return None
        if any(len(key) < _SHORTEST_KEY for key in keys):
            raise ValueError(f"a key has {_SHORTEST_KEY} characters or more: `openssl rand -hex 32` makes one")
        return value

    @model_validator(mode="after")
    def _identity_is_configured(self) -> Self:
        if not self.jwt_secret and not self.jwks_url:
            raise ValueError(
                "set FORETIDE_JWT_SECRET (a shared secret) or FORETIDE_JWKS_URL (public keys): "
                "without one of them no caller can be told from another"
            )
        if self.store_url.startswith("file:") and not self.signing_secret.get_secret_value():
            raise ValueError("set FORETIDE_SIGNING_SECRET: a folder store cannot sign download URLs without it")
        return self
