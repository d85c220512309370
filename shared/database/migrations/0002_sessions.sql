-- Uploads, sessions and their files. Users see and change their own rows; services work as service_role,
-- which bypasses row-level security; anon has no policy and so sees nothing.

create function foretide.touch_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at = now();
    return new;
end
$$;

create table public.uploads (
    user_id uuid not null,
    upload_id text not null check (upload_id ~ '^[A-Za-z0-9_-]{1,128}$'),
    file_name text not null,
    file_type text not null check (file_type in ('input', 'output')),
    size bigint check (size >= 0),
    total_chunks integer not null check (total_chunks between 1 and 1000000),
    sha256 text,
    storage_id uuid not null default gen_random_uuid(),
    status text not null default 'open'
        check (status in ('open', 'assembling', 'completed', 'rejected', 'consumed', 'expired')),
    turn uuid,
    turn_until timestamptz,
    staged boolean not null default true,
    raw jsonb,
    canonical jsonb,
    analysis jsonb,
    problem jsonb,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (user_id, upload_id)
);
create index uploads_expiry on public.uploads (expires_at);

create table public.upload_chunks (
    user_id uuid not null,
    upload_id text not null,
    chunk_index integer not null check (chunk_index >= 0),
    size bigint not null check (size >= 0),
    sha256 text not null,
    received_at timestamptz not null default now(),
    primary key (user_id, upload_id, chunk_index),
    foreign key (user_id, upload_id) references public.uploads on delete cascade
);

create table public.training_sessions (
    id uuid primary key default gen_random_uuid(),
    session_id text not null unique,
    user_id uuid not null,
    name text not null,
    status text not null default 'created' check (status in (
        'created', 'uploading', 'uploaded', 'configured', 'generating', 'generated',
        'training', 'completed', 'failed', 'cancelled', 'deleting'
    )),
    configuration jsonb,
    metadata jsonb not null default '{}',
    problem jsonb,
    version integer not null default 1,
    last_sequence bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index training_sessions_owner on public.training_sessions (user_id, created_at desc, session_id);
create trigger training_sessions_updated before update on public.training_sessions
    for each row execute function foretide.touch_updated_at();

create table public.training_files (
    id uuid primary key default gen_random_uuid(),
    session_id text not null references public.training_sessions (session_id) on delete cascade,
    user_id uuid not null,
    file_name text not null,
    file_type text not null check (file_type in ('input', 'output')),
    file_size bigint not null,
    storage_path text not null,
    sha256 text not null,
    raw jsonb not null,
    canonical jsonb not null,
    analysis jsonb not null,
    uploaded_at timestamptz not null default now()
);
create index training_files_session on public.training_files (session_id, file_name);

create table public.idempotency_keys (
    user_id uuid not null,
    key text not null,
    request text not null,
    answer jsonb,
    created_at timestamptz not null default now(),
    primary key (user_id, key)
);
