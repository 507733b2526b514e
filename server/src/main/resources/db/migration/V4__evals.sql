-- Evaluations on demand. epoch rises with each start of a run; a run writes only while the row still carries its epoch.
create table eval (
    id             varchar(64)      not null primary key,
    created_at     bigint           not null,
    status         varchar(16)      not null,
    request        text             not null,
    epoch          bigint           not null default 0,
    total_rows     integer          not null,
    completed_rows integer          not null default 0,
    seconds        double precision not null default 0,
    results        text,
    started_at     bigint,
    finished_at    bigint,
    error_code     varchar(64),
    error_message  text
);

create index eval_by_status on eval (status, id);

-- What came of a row of the dataset: JSON, gzipped.
create table eval_result (
    eval_id   varchar(64) not null references eval (id),
    row_index integer     not null,
    content   bytea       not null,
    primary key (eval_id, row_index)
);
