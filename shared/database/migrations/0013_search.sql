-- Searches: a job whose parameters are found by trials, which are jobs of the same run themselves.

alter table public.training_jobs add column search jsonb;
alter table public.training_jobs add column search_of uuid references public.training_jobs (id) on delete cascade;
alter table public.training_jobs add column trial integer;
alter table public.training_jobs add column asked jsonb;
comment on column public.training_jobs.search is
    'What the search was asked for, and once it is over what it found. Until then the job is running without a worker '
    'and without a lease: its trials have them.';
comment on column public.training_jobs.search_of is 'The job that this one is a trial of; trials are no models of the run.';
comment on column public.training_jobs.trial is 'A trial''s number in its search, counted from 0.';
comment on column public.training_jobs.asked is 'The values that a trial tries; none before it begins for the first time.';

alter table public.training_jobs alter column position drop not null;
alter table public.training_jobs add constraint training_jobs_trial_or_model
    check ((search_of is null) = (trial is null) and (search_of is null) = (position is not null));
alter table public.training_jobs drop constraint training_jobs_status_check;
alter table public.training_jobs add constraint training_jobs_status_check
    check (status in ('queued', 'running', 'trained', 'failed', 'cancelled', 'pruned'));
create unique index training_jobs_trials on public.training_jobs (search_of, trial) where search_of is not null;
