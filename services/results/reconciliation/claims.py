"""Which objects some row claims: by naming them, or because work under way is about to.

Every writer reserves a row before it writes its first byte. So an object that was listed before the rows are read,
and that none of them claims, is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from shared.database.pool import Database
from shared.storage.errors import InvalidKey
from shared.storage.keys import (
    FORECAST_UPLOADS,
    ML_ARTIFACTS,
    TRAINING_DATASETS,
    TRAINING_FILES,
    TRAINING_RESULTS,
    UPLOAD_STAGING,
    check_key,
)

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SHAPES = {
    UPLOAD_STAGING: re.compile(rf"{_UUID}/.+"),
    TRAINING_FILES: re.compile(rf"{_UUID}/{_UUID}/.+"),
    FORECAST_UPLOADS: re.compile(rf"{_UUID}/{_UUID}/.+"),
    TRAINING_DATASETS: re.compile(rf"{_UUID}/datasets/{_UUID}\.[^/]+"),
    ML_ARTIFACTS: re.compile(rf"models/[^/]+/{_UUID}/.+"),
    TRAINING_RESULTS: re.compile(r"[^/]+/.+"),
}

# Each gives the keys ($1) that no row claims. A folder of work under way is claimed whole, what has ended key by key.
_UNCLAIMED = {
    UPLOAD_STAGING: """
select o.key from unnest($1::text[]) o (key) where not exists (
    select from public.uploads u where u.storage_id = split_part(o.key, '/', 1)::uuid and u.staged)
""",
    # A file that is being read anew reserves the copy with the last number.
    TRAINING_FILES: """
select o.key from unnest($1::text[]) o (key) where not exists (
    select from public.uploads u where u.storage_id = split_part(o.key, '/', 2)::uuid
        and u.user_id::text = split_part(o.key, '/', 1)
        and (u.status in ('open', 'assembling')
             or u.status = 'completed' and o.key in (u.raw ->> 'key', u.canonical ->> 'key'))
) and not exists (
    select from public.training_files f
    where f.storage_path = split_part(o.key, '/', 1) || '/' || split_part(o.key, '/', 2) || '/raw.csv'
        and (o.key in (f.raw ->> 'key', f.canonical ->> 'key')
             or f.last_reading > f.reading and o.key like '%/canonical-' || f.last_reading || '.parquet')
)
""",
    FORECAST_UPLOADS: """
select o.key from unnest($1::text[]) o (key) where not exists (
    select from public.forecast_jobs j where j.id = split_part(o.key, '/', 2)::uuid
        and j.user_id::text = split_part(o.key, '/', 1)
) and not exists (
    select from public.training_files f
    where f.storage_path = split_part(o.key, '/', 1) || '/' || split_part(o.key, '/', 2) || '/input.csv'
)
""",
    TRAINING_DATASETS: """
select o.key from unnest($1::text[]) o (key) where not exists (
    select from public.training_datasets d
    where d.storage_path in (o.key, regexp_replace(o.key, '^([^.]+)\\..*$', '\\1.npz'))
        and (d.status in ('queued', 'running', 'ready') or d.lease_until > now())
)
""",
    ML_ARTIFACTS: """
select o.key from unnest($1::text[]) o (key) where not exists (
    select from public.training_jobs j
    where j.id = split_part(o.key, '/', 3)::uuid and j.session_id = split_part(o.key, '/', 2)
        and (j.status in ('queued', 'running') or j.lease_until > now() or foretide.names_object(j.artifacts, o.key))
) and not exists (
    select from public.training_results r
    where r.job_id = split_part(o.key, '/', 3)::uuid and foretide.names_object(r.artifacts, o.key)
)
""",
    # Sessions may have hundreds of results: what they name is gathered once a page, not once a key.
    TRAINING_RESULTS: """
with o as materialized (
    select key, split_part(key, '/', 1) as session_id from unnest($1::text[]) key
), sessions as (
    select distinct session_id from o
), named as (
    select r.results_file_path as key from public.training_results r join sessions using (session_id)
    union all
    select e.value ->> 'key' from public.training_results r join sessions using (session_id),
        jsonb_each(case when jsonb_typeof(r.artifacts) = 'object' then r.artifacts else '{}' end) e
    union all
    select v.storage_path from public.training_visualizations v join sessions using (session_id)
    union all
    select e.value ->> 'key' from public.training_datasets d join sessions using (session_id),
        jsonb_each(case when jsonb_typeof(d.metadata -> 'references') = 'object'
                   then d.metadata -> 'references' else '{}' end) e
)
select o.key from o where not exists (
    select from named where named.key = o.key
) and not exists (
    select from public.training_results r where r.session_id = o.session_id and r.status <> 'completed'
        and (strpos(o.key, substring(r.results_file_path from '_([0-9]{8}_[0-9]{6})\\.')) > 0
             or strpos(o.key, r.job_id::text) > 0)
) and not exists (
    select from public.training_datasets d where d.session_id = o.session_id
        and (d.status in ('queued', 'running') or d.lease_until > now())
        and o.key like '%/plots/%' and o.key not like '%/plots/%/%'
)
""",
}


def is_ours(bucket: str, key: str) -> bool:
    """Whether Foretide names its objects so; what somebody else put into a bucket is not ours to judge."""
    try:
        check_key(key)
    except InvalidKey:
        return False
    return _SHAPES[bucket].fullmatch(key) is not None


async def unclaimed(database: Database, bucket: str, keys: Collection[str]) -> set[str]:
    """Those of these keys, all of them ours, that no row claims now."""
    if not keys:
        return set()
    async with database.transaction() as transaction:
        return {row["key"] for row in await transaction.fetch(_UNCLAIMED[bucket], list(keys))}
