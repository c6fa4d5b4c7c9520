-- What CORE of main makes of an empty database (SQLAlchemy's create_all; contract.md §4).

CREATE TABLE public.projects (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    secret_key_hmac varchar(64) NOT NULL,
    secret_key_hash_phc varchar(255) NOT NULL,
    configs jsonb,
    encryption_enabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX ix_projects_secret_key_hmac ON public.projects (secret_key_hmac);
CREATE TABLE public.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
    identifier varchar NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_project_identifier UNIQUE (project_id, identifier)
);
CREATE INDEX ix_users_project_id ON public.users (project_id);
CREATE TABLE public.sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
    user_id uuid REFERENCES public.users ON DELETE CASCADE,
    disable_task_tracking boolean NOT NULL DEFAULT false,
    configs jsonb,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX ix_sessions_project_id ON public.sessions (project_id);
CREATE INDEX ix_session_id_project_id ON public.sessions (id, project_id);
CREATE INDEX ix_sessions_user_id ON public.sessions (user_id);
CREATE TABLE public.tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL REFERENCES public.sessions ON DELETE CASCADE,
    project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
    "order" integer NOT NULL,
    data jsonb NOT NULL,
    status varchar NOT NULL DEFAULT 'pending',
    is_planning boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT ck_status CHECK (status IN ('success', 'failed', 'running', 'pending')),
    CONSTRAINT uq_session_id_order UNIQUE (session_id, "order")
);
CREATE INDEX ix_session_session_id ON public.tasks (session_id);
CREATE INDEX ix_session_session_id_task_id ON public.tasks (session_id, id);
CREATE INDEX ix_session_session_id_status ON public.tasks (session_id, status);
CREATE INDEX ix_tasks_project_id ON public.tasks (project_id);
CREATE TABLE public.messages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL REFERENCES public.sessions ON DELETE CASCADE,
    parent_id uuid REFERENCES public.messages ON DELETE CASCADE,
    role varchar NOT NULL,
    parts_asset_meta jsonb NOT NULL,
    task_id uuid REFERENCES public.tasks ON DELETE SET NULL,
    session_task_process_status varchar NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT ck_message_role CHECK (role IN ('user', 'assistant', 'tool', 'function'))
);
CREATE INDEX ix_message_session_id ON public.messages (session_id);
CREATE INDEX ix_message_parent_id ON public.messages (parent_id);
CREATE INDEX idx_session_created ON public.messages (session_id, created_at);
CREATE TABLE public.disks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
    user_id uuid REFERENCES public.users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX ix_disks_project_id ON public.disks (project_id);
CREATE INDEX ix_disks_user_id ON public.disks (user_id);
CREATE TABLE public.artifacts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    disk_id uuid NOT NULL REFERENCES public.disks ON DELETE CASCADE,
    path varchar NOT NULL,
    filename varchar NOT NULL,
    meta jsonb,
    asset_meta jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT idx_disk_path_filename UNIQUE (disk_id, path, filename)
);
CREATE TABLE public.agent_skills (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
    user_id uuid REFERENCES public.users ON DELETE CASCADE,
    name varchar NOT NULL,
    description varchar,
    disk_id uuid NOT NULL REFERENCES public.disks ON DELETE CASCADE,
    meta jsonb,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX ix_agent_skills_project_id ON public.agent_skills (project_id);
CREATE INDEX ix_agent_skills_user_id ON public.agent_skills (user_id);
CREATE TABLE public.learning_spaces (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
    user_id uuid REFERENCES public.users ON DELETE CASCADE,
    meta jsonb,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX ix_learning_spaces_project_id ON public.learning_spaces (project_id);
CREATE INDEX ix_learning_spaces_user_id ON public.learning_spaces (user_id);
CREATE TABLE public.learning_space_skills (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    learning_space_id uuid NOT NULL REFERENCES public.learning_spaces ON DELETE CASCADE,
    skill_id uuid NOT NULL REFERENCES public.agent_skills ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT uq_learning_space_skill UNIQUE (learning_space_id, skill_id)
);
CREATE INDEX ix_lsskill_space ON public.learning_space_skills (learning_space_id);
CREATE INDEX ix_lsskill_skill ON public.learning_space_skills (skill_id);
CREATE TABLE public.learning_space_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    learning_space_id uuid NOT NULL REFERENCES public.learning_spaces ON DELETE CASCADE,
    session_id uuid NOT NULL REFERENCES public.sessions ON DELETE CASCADE,
    status varchar NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT uq_learning_space_session UNIQUE (session_id)
);
CREATE INDEX ix_lssession_space ON public.learning_space_sessions (learning_space_id);
CREATE TABLE public.session_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL REFERENCES public.sessions ON DELETE CASCADE,
    project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
    type varchar NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX ix_session_event_session_created ON public.session_events (session_id, created_at);
CREATE TABLE public.metrics (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
    tag varchar NOT NULL,
    increment integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX ix_metrics_project_id ON public.metrics (project_id);
CREATE TABLE public.sandbox_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
    backend_sandbox_id varchar,
    backend_type varchar NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
