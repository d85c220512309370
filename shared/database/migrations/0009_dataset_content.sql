-- A dataset is known by its content: the SHA-256 of its configuration and files. One that exists already is used
-- again: rows of one user may then share a storage path. Null: it is not offered, or no longer, for that.
alter table public.training_datasets add column fingerprint text;
create index training_datasets_content on public.training_datasets (user_id, fingerprint)
    where fingerprint is not null and status = 'ready';
create index training_datasets_path on public.training_datasets (storage_path);
