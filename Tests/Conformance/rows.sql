-- The rows that the examples in openapi.json are about, those of them that are not there. There is one project.
INSERT INTO public.users (id, project_id, identifier)
SELECT '5b8e1f93-70ad-4c26-9d41-e8a3c07f2b6d', id, 'anna' FROM public.projects
ON CONFLICT DO NOTHING;

INSERT INTO public.sessions (id, project_id, configs)
SELECT '7c1e9b52-4f0d-4c33-9a6e-0d8f5b21c4aa', id, '{"agent": "builder"}' FROM public.projects
ON CONFLICT DO NOTHING;

INSERT INTO public.messages (id, session_id, role, meta, parts_asset_meta)
SELECT 'c85a27e0-3d94-4b1f-a6f2-5e0b18d79c36', id, 'user', '{"__user_meta__": {"source": "web"}}', '{}'
FROM public.sessions WHERE id = '7c1e9b52-4f0d-4c33-9a6e-0d8f5b21c4aa'
ON CONFLICT DO NOTHING;
INSERT INTO skillrelay.message_parts (message_id, parts)
SELECT id, '[{"type": "text", "text": "Fix the build"}]' FROM public.messages WHERE id = 'c85a27e0-3d94-4b1f-a6f2-5e0b18d79c36'
ON CONFLICT DO NOTHING;

INSERT INTO public.tasks (id, session_id, project_id, "order", data)
SELECT '2f6d0c1b-8a54-4e7f-b1c9-63e2a7d90f18', id, project_id, 1, '{"task_description": "Fix the build", "progresses": ["found it"]}'
FROM public.sessions WHERE id = '7c1e9b52-4f0d-4c33-9a6e-0d8f5b21c4aa'
ON CONFLICT DO NOTHING;

INSERT INTO public.learning_spaces (id, project_id, meta)
SELECT 'e4b0a9d7-15c2-4f68-8f3b-92d1c6e05a77', id, '{"team": 7}' FROM public.projects
ON CONFLICT DO NOTHING;

INSERT INTO public.disks (id, project_id) SELECT 'a3e95b06-1c7f-4d82-b0e4-58c27f6d913a', id FROM public.projects
ON CONFLICT DO NOTHING;
INSERT INTO public.agent_skills (id, project_id, name, description, disk_id)
SELECT '91d3f0aa-6b7e-4a21-8c5d-f20e7b9c4613', id, 'fix-builds', 'What to look at first', 'a3e95b06-1c7f-4d82-b0e4-58c27f6d913a'
FROM public.projects
ON CONFLICT DO NOTHING;

-- Events to be shown, replayed and discarded; nobody receives them.
SELECT skillrelay.enqueue('nowhere', 'key', '{"task_id": "2f6d0c1b-8a54-4e7f-b1c9-63e2a7d90f18"}', '{"a": 1}', 'Test')
FROM generate_series(1, 3) WHERE NOT EXISTS (SELECT FROM skillrelay.outbox WHERE exchange = 'nowhere');
