-- To whom things belong. What was there before there were organizations belongs to the default one. A registered model without
-- one is everybody's.
alter table uploaded_file add column organization varchar(64) not null default 'd3s';
alter table job add column organization varchar(64) not null default 'd3s';
alter table eval add column organization varchar(64) not null default 'd3s';
alter table model add column organization varchar(64);

create index uploaded_file_by_organization on uploaded_file (organization, id);
create index job_by_organization on job (organization, id);
create index eval_by_organization on eval (organization, id);
