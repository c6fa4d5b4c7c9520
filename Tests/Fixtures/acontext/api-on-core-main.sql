-- What the API of main adds and changes where CORE was first, as in the stock deployment (contract.md §4.1).

CREATE INDEX idx_projects_configs ON public.projects USING gin (configs);
ALTER TABLE public.users ALTER COLUMN identifier TYPE text;
ALTER TABLE public.tasks ALTER COLUMN status TYPE text;
ALTER TABLE public.messages ALTER COLUMN role TYPE text, ALTER COLUMN session_task_process_status TYPE text;
ALTER TABLE public.artifacts ALTER COLUMN path TYPE text, ALTER COLUMN filename TYPE text;
ALTER TABLE public.agent_skills ALTER COLUMN name TYPE text, ALTER COLUMN description TYPE text;
ALTER TABLE public.learning_space_sessions ALTER COLUMN status TYPE text;
ALTER TABLE public.metrics ALTER COLUMN tag TYPE text;
ALTER TABLE public.sandbox_logs ALTER COLUMN backend_sandbox_id TYPE text, ALTER COLUMN backend_type TYPE text;
ALTER TABLE public.tasks ALTER COLUMN "order" TYPE bigint;
ALTER TABLE public.messages ADD COLUMN meta jsonb NOT NULL DEFAULT '{}';
CREATE TABLE public.asset_references (
    id uuid DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    sha256 char(64) NOT NULL,
    s3_key text NOT NULL,
    ref_count integer NOT NULL DEFAULT 0,
    asset_meta jsonb NOT NULL,
    last_referenced_at timestamp,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_asset_references_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT chk_asset_references_ref_count CHECK (ref_count >= 0)
);
CREATE UNIQUE INDEX idx_project_sha256 ON public.asset_references (project_id, sha256);
CREATE UNIQUE INDEX idx_projects_secret_key_hmac ON public.projects (secret_key_hmac);
CREATE INDEX idx_users_project_id ON public.users (project_id);
CREATE INDEX idx_sessions_project_id ON public.sessions (project_id);
CREATE INDEX idx_sessions_user_id ON public.sessions (user_id);
CREATE INDEX idx_sessions_configs ON public.sessions USING gin (configs);
CREATE INDEX idx_tasks_session_id ON public.tasks (session_id);
CREATE INDEX idx_tasks_project_id ON public.tasks (project_id);
CREATE INDEX idx_messages_session_id ON public.messages (session_id);
CREATE INDEX idx_messages_parent_id ON public.messages (parent_id);
CREATE INDEX idx_messages_task_id ON public.messages (task_id);
CREATE INDEX idx_ls_meta ON public.learning_spaces USING gin (meta);
CREATE INDEX idx_learning_space_sessions_session_id ON public.learning_space_sessions (session_id);
ALTER TABLE public.tasks ADD CONSTRAINT chk_tasks_status CHECK (status IN ('success', 'failed', 'running', 'pending'));
ALTER TABLE public.messages ADD CONSTRAINT chk_messages_role CHECK (role IN ('user', 'assistant'));
ALTER TABLE public.users ADD CONSTRAINT fk_users_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.sessions ADD CONSTRAINT fk_sessions_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.sessions ADD CONSTRAINT fk_sessions_user FOREIGN KEY (user_id) REFERENCES public.users (id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.tasks ADD CONSTRAINT fk_tasks_session FOREIGN KEY (session_id) REFERENCES public.sessions (id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.tasks ADD CONSTRAINT fk_tasks_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.messages ADD CONSTRAINT fk_messages_session FOREIGN KEY (session_id) REFERENCES public.sessions (id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.messages ADD CONSTRAINT fk_messages_parent FOREIGN KEY (parent_id) REFERENCES public.messages (id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.learning_space_sessions ADD CONSTRAINT fk_learning_space_sessions_learning_space FOREIGN KEY (learning_space_id) REFERENCES public.learning_spaces (id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.learning_space_sessions ADD CONSTRAINT fk_learning_space_sessions_session FOREIGN KEY (session_id) REFERENCES public.sessions (id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE public.messages ADD CONSTRAINT fk_messages_task FOREIGN KEY (task_id) REFERENCES public.tasks (id) ON UPDATE CASCADE ON DELETE SET NULL;
