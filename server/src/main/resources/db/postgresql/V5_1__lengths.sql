-- SQLite does not mind how long a text is, and what plugins and models name themselves is theirs: no limits here either.
alter table uploaded_file alter column filename type text;
alter table uploaded_file alter column purpose type text;
alter table job alter column fine_tuned_model type text, alter column error_code type text, alter column error_param type text;
alter table job_metric alter column name type text;
alter table checkpoint alter column model type text;
alter table model alter column name type text, alter column commit_id type text, alter column error_code type text;
alter table eval alter column error_code type text;
