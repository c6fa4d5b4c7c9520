-- What was there before us: a row in every table that leads from a project to a lesson.

WITH project AS (
    INSERT INTO public.projects (secret_key_hmac, secret_key_hash_phc, configs)
    VALUES (repeat('a', 64), '$argon2id$v=19$m=16384,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$ewcca/7ngDxigtKtx+JA03R815JaxwCyovxihdvERTA', '{}')
    RETURNING id
), owner AS (
    INSERT INTO public.users (project_id, identifier) SELECT id, 'anna' FROM project RETURNING id, project_id
), session AS (
    INSERT INTO public.sessions (project_id, user_id, configs) SELECT project_id, id, '{"a": 1}' FROM owner RETURNING id, project_id
), task AS (
    INSERT INTO public.tasks (session_id, project_id, "order", data, status)
    SELECT id, project_id, 1, '{"task_description": "there before", "progresses": null}', 'running' FROM session
    RETURNING id, session_id
), message AS (
    INSERT INTO public.messages (session_id, role, parts_asset_meta, task_id, session_task_process_status)
    SELECT session_id, 'user',
        '{"bucket": "b", "s3_key": "parts/k.json", "etag": "e", "sha256": "s", "mime": "application/json", "size_b": 2}', id, 'success'
    FROM task
), space AS (
    INSERT INTO public.learning_spaces (project_id, meta) SELECT project_id, 'null' FROM session RETURNING id
)
INSERT INTO public.learning_space_sessions (learning_space_id, session_id, status)
SELECT space.id, session.id, 'completed' FROM space, session;
