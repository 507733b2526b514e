-- Where the files of a checkpoint lie: jobs/<job_id>/checkpoints/<directory>. It carries the number of the run that wrote them,
-- so that a run whose job was taken from it cannot write over its successor's. "interim" ones were written because a run was
-- told to stop, and go when the next one is there.
alter table checkpoint add column directory varchar(128);
update checkpoint set directory = 'step-' || step;
alter table checkpoint add column interim integer not null default 0;
-- How the job's rollout engine takes over weights, once that was measured: a run that begins again must do the same.
alter table job add column refresh_mode varchar(16);
