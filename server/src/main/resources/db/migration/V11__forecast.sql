-- estimated_finish is forecast by the run, which knows more
alter table job drop column last_step_at;
