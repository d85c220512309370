-- Datasets, runs, jobs and results. Each service removes its own rows (and their objects before them) when a
-- session goes, so nothing here cascades from one service's table into another's.

create table public.training_datasets (
    id uuid primary key default gen_random_uuid(),
    session_id text not null references public.training_sessions (session_id),
    user_id uuid not null,
    name text not null,
    description text,
    format text not null default 'npz',
    file_size_bytes bigint,
    total_examples bigint,
    storage_path text not null,
    metadata jsonb not null default '{}',
    configuration jsonb not null,
    run_after boolean not null default false,
    status text not null default 'queued'
        check (status in ('queued', 'running', 'ready', 'failed', 'cancelled')),
    attempt integer not null default 0,
    lost integer not null default 0,
    queued_at timestamptz not null default now(),
    lease_until timestamptz,
    worker text,
    progress real not null default 0,
    error jsonb,
    created_at timestamptz not null default now(),
    ended_at timestamptz
);
create index training_datasets_session on public.training_datasets (session_id, created_at desc);
create unique index training_datasets_one_at_a_time on public.training_datasets (session_id)
    where status in ('queued', 'running');
create index training_datasets_leases on public.training_datasets (lease_until) where status = 'running';

create table public.training_runs (
    id uuid primary key default gen_random_uuid(),
    session_id text not null references public.training_sessions (session_id),
    user_id uuid not null,
    dataset_id uuid not null,
    number integer not null,
    status text not null default 'running'
        check (status in ('running', 'completed', 'failed', 'cancelled')),
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    unique (session_id, number)
);
create unique index training_runs_one_at_a_time on public.training_runs (session_id) where status = 'running';

create table public.training_jobs (
    id uuid primary key default gen_random_uuid(),
    run_id uuid not null references public.training_runs (id) on delete cascade,
    session_id text not null,
    user_id uuid not null,
    position integer not null,
    model text not null,
    target text not null,
    parameters jsonb not null,
    status text not null default 'queued'
        check (status in ('queued', 'running', 'trained', 'failed', 'cancelled')),
    attempt integer not null default 0,
    lost integer not null default 0,
    queued_at timestamptz not null default now(),
    lease_until timestamptz,
    worker text,
    progress real not null default 0,
    detail jsonb not null default '{}',
    artifacts jsonb,
    metrics jsonb,
    error jsonb,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    ended_at timestamptz,
    unique (run_id, position)
);
create index training_jobs_session on public.training_jobs (session_id, created_at desc);
create index training_jobs_leases on public.training_jobs (lease_until) where status = 'running';

create table public.training_results (
    id uuid primary key default gen_random_uuid(),
    session_id text not null references public.training_sessions (session_id),
    user_id uuid not null,
    run_id uuid,
    job_id uuid unique,
    status text not null default 'storing' check (status in ('storing', 'completed', 'failed')),
    results_file_path text unique,
    file_size_bytes bigint,
    compressed boolean not null default false,
    results_metadata jsonb not null default '{}',
    evaluation_metrics jsonb,
    model_performance jsonb,
    best_model jsonb,
    summary jsonb,
    artifacts jsonb not null default '{}',
    results jsonb,
    created_at timestamptz not null default now(),
    completed_at timestamptz
);
comment on column public.training_results.results is
    'Deprecated: read for old rows, never written. The document lies in the object store at results_file_path.';
comment on column public.training_results.results_file_path is
    'Key in the bucket training-results.';
comment on column public.training_results.results_metadata is
    'What is queried: model type, metrics, dataset count, training split.';
create index training_results_session on public.training_results (session_id, created_at desc);
create index idx_training_results_metadata on public.training_results using gin (results_metadata);
create index idx_training_results_file_path on public.training_results (results_file_path)
    where results_file_path is not null;

create table public.training_visualizations (
    id uuid primary key default gen_random_uuid(),
    session_id text not null references public.training_sessions (session_id),
    user_id uuid not null,
    job_id uuid,
    plot_name text not null,
    plot_type text not null,
    storage_path text,
    plot_data_base64 text,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    unique nulls not distinct (session_id, job_id, plot_name)
);
