-- A few rollouts of some steps, for people to look at: JSON, gzipped. "bytea" is PostgreSQL's name; SQLite stores bytes as
-- bytes under any.
create table job_rollouts (
    job_id  varchar(64) not null references job (id),
    step    integer     not null,
    content bytea       not null,
    primary key (job_id, step)
);
