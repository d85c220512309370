-- Where a job's newest checkpoint is, and what is left to remove of jobs that ended well.

alter table public.training_jobs add column checkpoint jsonb;
comment on column public.training_jobs.checkpoint is
    'A reference to the newest state of training, from which another worker continues; none once the job has ended.';

comment on column public.training_jobs.has_remains is
    'An attempt began, and what it stored beside the outcome was not removed: once ended, the job is to be looked after.';
update public.training_jobs set has_remains = false where status = 'trained';
drop index public.training_jobs_remains;
create index training_jobs_remains on public.training_jobs (ended_at)
    where has_remains and status in ('cancelled', 'failed', 'trained');
