-- Results on their way out, and what lost attempts of a job may have left in the store.

alter table public.training_results drop constraint training_results_status_check;
alter table public.training_results add constraint training_results_status_check
    check (status in ('storing', 'completed', 'failed', 'deleting'));
alter table public.training_results add column deleting_since timestamptz;
create index training_results_deleting on public.training_results (deleting_since) where status = 'deleting';

alter table public.training_jobs add column has_remains boolean not null default false;
alter table public.training_datasets add column has_remains boolean not null default false;
comment on column public.training_jobs.has_remains is
    'An attempt began, and what it stored was not removed: a job that ends without a model is to be looked after.';
comment on column public.training_datasets.has_remains is
    'An attempt began, and what it stored was not removed: a dataset that is not made is to be looked after.';
create index training_jobs_remains on public.training_jobs (ended_at)
    where has_remains and status in ('cancelled', 'failed');
create index training_datasets_remains on public.training_datasets (ended_at)
    where has_remains and status in ('cancelled', 'failed');
