-- What the API of ref makes of an empty database (GORM's AutoMigrate; contract.md §4).

CREATE TABLE public.projects (
    id uuid DEFAULT gen_random_uuid(),
    secret_key_hmac char(64) NOT NULL,
    secret_key_hash_phc varchar(255) NOT NULL,
    configs jsonb,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX idx_projects_secret_key_hmac ON public.projects (secret_key_hmac);
CREATE TABLE public.users (
    id uuid DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    identifier text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_users_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX idx_project_identifier ON public.users (project_id, identifier);
CREATE INDEX idx_users_project_id ON public.users (project_id);
CREATE TABLE public.sessions (
    id uuid DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    user_id uuid,
    disable_task_tracking boolean NOT NULL DEFAULT false,
    disable_task_status_change boolean NOT NULL DEFAULT false,
    configs jsonb,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_sessions_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_sessions_user FOREIGN KEY (user_id) REFERENCES public.users (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX idx_sessions_project_id ON public.sessions (project_id);
CREATE INDEX idx_sessions_user_id ON public.sessions (user_id);
CREATE INDEX idx_sessions_configs ON public.sessions USING gin (configs);
CREATE TABLE public.tasks (
    id uuid DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL,
    project_id uuid NOT NULL,
    "order" bigint NOT NULL,
    data jsonb NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    is_planning boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_tasks_session FOREIGN KEY (session_id) REFERENCES public.sessions (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_tasks_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT chk_tasks_status CHECK (status IN ('success', 'failed', 'running', 'pending'))
);
CREATE UNIQUE INDEX uq_session_id_order ON public.tasks (session_id, "order");
CREATE INDEX ix_session_session_id ON public.tasks (session_id);
CREATE INDEX idx_tasks_session_id ON public.tasks (session_id);
CREATE INDEX ix_session_session_id_status ON public.tasks (session_id, status);
CREATE INDEX idx_tasks_project_id ON public.tasks (project_id);
CREATE TABLE public.messages (
    id uuid DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL,
    parent_id uuid,
    role text NOT NULL,
    meta jsonb NOT NULL DEFAULT '{}',
    parts_asset_meta jsonb NOT NULL,
    task_id uuid,
    session_task_process_status text NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_messages_session FOREIGN KEY (session_id) REFERENCES public.sessions (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_messages_parent FOREIGN KEY (parent_id) REFERENCES public.messages (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_messages_task FOREIGN KEY (task_id) REFERENCES public.tasks (id) ON UPDATE CASCADE ON DELETE SET NULL,
    CONSTRAINT chk_messages_role CHECK (role IN ('user', 'assistant')),
    CONSTRAINT chk_messages_session_task_process_status CHECK (session_task_process_status IN ('success', 'failed', 'running', 'pending'))
);
CREATE INDEX idx_messages_session_id ON public.messages (session_id);
CREATE INDEX idx_messages_parent_id ON public.messages (parent_id);
CREATE INDEX idx_messages_task_id ON public.messages (task_id);
CREATE INDEX idx_session_created ON public.messages (session_id, created_at DESC);
CREATE TABLE public.disks (
    id uuid DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    user_id uuid,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_disks_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_disks_user FOREIGN KEY (user_id) REFERENCES public.users (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX idx_disks_project_id ON public.disks (project_id);
CREATE INDEX idx_disks_user_id ON public.disks (user_id);
CREATE TABLE public.artifacts (
    id uuid DEFAULT gen_random_uuid(),
    disk_id uuid NOT NULL,
    path text NOT NULL,
    filename text NOT NULL,
    meta jsonb,
    asset_meta jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_artifacts_disk FOREIGN KEY (disk_id) REFERENCES public.disks (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX idx_disk_path_filename ON public.artifacts (disk_id, path, filename);
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
CREATE TABLE public.agent_skills (
    id uuid DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    user_id uuid,
    name text NOT NULL,
    description text,
    disk_id uuid NOT NULL,
    meta jsonb,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_agent_skills_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_agent_skills_user FOREIGN KEY (user_id) REFERENCES public.users (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_agent_skills_disk FOREIGN KEY (disk_id) REFERENCES public.disks (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX idx_agent_skills_project_id ON public.agent_skills (project_id);
CREATE INDEX idx_agent_skills_user_id ON public.agent_skills (user_id);
CREATE TABLE public.learning_spaces (
    id uuid DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    user_id uuid,
    meta jsonb,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_learning_spaces_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_learning_spaces_user FOREIGN KEY (user_id) REFERENCES public.users (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX idx_learning_spaces_project_id ON public.learning_spaces (project_id);
CREATE INDEX idx_learning_spaces_user_id ON public.learning_spaces (user_id);
CREATE INDEX idx_ls_meta ON public.learning_spaces USING gin (meta);
CREATE TABLE public.learning_space_skills (
    id uuid DEFAULT gen_random_uuid(),
    learning_space_id uuid NOT NULL,
    skill_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_learning_space_skills_learning_space FOREIGN KEY (learning_space_id) REFERENCES public.learning_spaces (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_learning_space_skills_skill FOREIGN KEY (skill_id) REFERENCES public.agent_skills (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX idx_ls_skill_unique ON public.learning_space_skills (learning_space_id, skill_id);
CREATE INDEX idx_learning_space_skills_skill_id ON public.learning_space_skills (skill_id);
CREATE TABLE public.learning_space_sessions (
    id uuid DEFAULT gen_random_uuid(),
    learning_space_id uuid NOT NULL,
    session_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_learning_space_sessions_learning_space FOREIGN KEY (learning_space_id) REFERENCES public.learning_spaces (id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_learning_space_sessions_session FOREIGN KEY (session_id) REFERENCES public.sessions (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX idx_learning_space_sessions_learning_space_id ON public.learning_space_sessions (learning_space_id);
CREATE UNIQUE INDEX idx_learning_space_sessions_session_id ON public.learning_space_sessions (session_id);
CREATE TABLE public.metrics (
    id uuid DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    tag text NOT NULL,
    increment bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_metrics_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE public.sandbox_logs (
    id uuid DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    backend_sandbox_id text,
    backend_type text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT fk_sandbox_logs_project FOREIGN KEY (project_id) REFERENCES public.projects (id) ON UPDATE CASCADE ON DELETE CASCADE
);
