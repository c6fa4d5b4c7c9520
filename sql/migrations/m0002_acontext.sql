-- The tables shared with Acontext, with upstream's names, columns and constraints. On a database that Acontext made, every
-- table is found and left alone; the one thing added to it is sessions.disable_task_status_change. Indexes are made only
-- together with their table, so that nothing of Acontext's is altered.

CREATE TABLE IF NOT EXISTS public.projects (
    id                  uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    secret_key_hmac     varchar(64)  NOT NULL UNIQUE,
    secret_key_hash_phc varchar(255) NOT NULL,
    configs             jsonb,
    created_at          timestamptz  NOT NULL DEFAULT now(),
    updated_at          timestamptz  NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS public.users (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid        NOT NULL REFERENCES public.projects ON DELETE CASCADE ON UPDATE CASCADE,
    identifier text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, identifier)
);

DO $$
BEGIN
    IF to_regclass('public.sessions') IS NULL THEN
        CREATE TABLE public.sessions (
            id                         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
            project_id                 uuid        NOT NULL REFERENCES public.projects ON DELETE CASCADE ON UPDATE CASCADE,
            user_id                    uuid        REFERENCES public.users ON DELETE CASCADE ON UPDATE CASCADE,
            disable_task_tracking      boolean     NOT NULL DEFAULT false,
            disable_task_status_change boolean     NOT NULL DEFAULT false,
            configs                    jsonb,
            created_at                 timestamptz NOT NULL DEFAULT now(),
            updated_at                 timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX ON public.sessions (project_id);
        CREATE INDEX ON public.sessions (user_id);
        CREATE INDEX ON public.sessions USING gin (configs);
    END IF;

    -- Asked first, because ADD COLUMN IF NOT EXISTS would take its exclusive lock even when there is nothing to do.
    IF NOT EXISTS (
        SELECT FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name = 'sessions' AND column_name = 'disable_task_status_change'
    ) THEN
        ALTER TABLE public.sessions ADD COLUMN disable_task_status_change boolean NOT NULL DEFAULT false;
    END IF;
END $$;

DO $$
BEGIN
    IF to_regclass('public.tasks') IS NULL THEN
        CREATE TABLE public.tasks (
            id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
            session_id  uuid        NOT NULL REFERENCES public.sessions ON DELETE CASCADE ON UPDATE CASCADE,
            project_id  uuid        NOT NULL REFERENCES public.projects ON DELETE CASCADE ON UPDATE CASCADE,
            "order"     bigint      NOT NULL,
            data        jsonb       NOT NULL,
            status      text        NOT NULL DEFAULT 'pending' CHECK (status IN ('success', 'failed', 'running', 'pending')),
            is_planning boolean     NOT NULL DEFAULT false,
            created_at  timestamptz NOT NULL DEFAULT now(),
            updated_at  timestamptz NOT NULL DEFAULT now(),
            UNIQUE (session_id, "order")
        );
        CREATE INDEX ON public.tasks (project_id);
        CREATE INDEX ON public.tasks (session_id, status);
        CREATE INDEX ON public.tasks (session_id, created_at, id);
    END IF;

    IF to_regclass('public.messages') IS NULL THEN
        CREATE TABLE public.messages (
            id                          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
            session_id                  uuid        NOT NULL REFERENCES public.sessions ON DELETE CASCADE ON UPDATE CASCADE,
            parent_id                   uuid        REFERENCES public.messages ON DELETE CASCADE ON UPDATE CASCADE,
            role                        text        NOT NULL CHECK (role IN ('user', 'assistant', 'tool', 'function')),
            meta                        jsonb       NOT NULL DEFAULT '{}',
            parts_asset_meta            jsonb       NOT NULL,
            task_id                     uuid        REFERENCES public.tasks ON DELETE SET NULL ON UPDATE CASCADE,
            session_task_process_status text        NOT NULL DEFAULT 'pending',
            created_at                  timestamptz NOT NULL DEFAULT now(),
            updated_at                  timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX ON public.messages (session_id, created_at);
        CREATE INDEX ON public.messages (parent_id);
        CREATE INDEX ON public.messages (task_id);
    END IF;

    IF to_regclass('public.disks') IS NULL THEN
        CREATE TABLE public.disks (
            id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
            project_id uuid        NOT NULL REFERENCES public.projects ON DELETE CASCADE ON UPDATE CASCADE,
            user_id    uuid        REFERENCES public.users ON DELETE CASCADE ON UPDATE CASCADE,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX ON public.disks (project_id);
        CREATE INDEX ON public.disks (user_id);
    END IF;

    IF to_regclass('public.artifacts') IS NULL THEN
        CREATE TABLE public.artifacts (
            id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
            disk_id    uuid        NOT NULL REFERENCES public.disks ON DELETE CASCADE ON UPDATE CASCADE,
            path       text        NOT NULL,
            filename   text        NOT NULL,
            meta       jsonb,
            asset_meta jsonb       NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            UNIQUE (disk_id, path, filename)
        );
    END IF;

    IF to_regclass('public.asset_references') IS NULL THEN
        CREATE TABLE public.asset_references (
            id                 uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
            project_id         uuid        NOT NULL REFERENCES public.projects ON DELETE CASCADE ON UPDATE CASCADE,
            sha256             char(64)    NOT NULL,
            s3_key             text        NOT NULL,
            ref_count          integer     NOT NULL DEFAULT 0 CHECK (ref_count >= 0),
            asset_meta         jsonb       NOT NULL,
            last_referenced_at timestamp,
            created_at         timestamptz NOT NULL DEFAULT now(),
            updated_at         timestamptz NOT NULL DEFAULT now(),
            UNIQUE (project_id, sha256)
        );
    END IF;

    IF to_regclass('public.agent_skills') IS NULL THEN
        CREATE TABLE public.agent_skills (
            id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
            project_id  uuid        NOT NULL REFERENCES public.projects ON DELETE CASCADE ON UPDATE CASCADE,
            user_id     uuid        REFERENCES public.users ON DELETE CASCADE ON UPDATE CASCADE,
            name        text        NOT NULL,
            description text,
            disk_id     uuid        NOT NULL REFERENCES public.disks ON DELETE CASCADE ON UPDATE CASCADE,
            meta        jsonb,
            created_at  timestamptz NOT NULL DEFAULT now(),
            updated_at  timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX ON public.agent_skills (project_id);
        CREATE INDEX ON public.agent_skills (user_id);
        CREATE INDEX ON public.agent_skills (disk_id);
    END IF;

    IF to_regclass('public.learning_spaces') IS NULL THEN
        CREATE TABLE public.learning_spaces (
            id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
            project_id uuid        NOT NULL REFERENCES public.projects ON DELETE CASCADE ON UPDATE CASCADE,
            user_id    uuid        REFERENCES public.users ON DELETE CASCADE ON UPDATE CASCADE,
            meta       jsonb,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX ON public.learning_spaces (project_id);
        CREATE INDEX ON public.learning_spaces (user_id);
        CREATE INDEX ON public.learning_spaces USING gin (meta);
    END IF;

    IF to_regclass('public.learning_space_skills') IS NULL THEN
        CREATE TABLE public.learning_space_skills (
            id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
            learning_space_id uuid        NOT NULL REFERENCES public.learning_spaces ON DELETE CASCADE ON UPDATE CASCADE,
            skill_id          uuid        NOT NULL REFERENCES public.agent_skills ON DELETE CASCADE ON UPDATE CASCADE,
            created_at        timestamptz NOT NULL DEFAULT now(),
            UNIQUE (learning_space_id, skill_id)
        );
        CREATE INDEX ON public.learning_space_skills (skill_id);
    END IF;

    IF to_regclass('public.learning_space_sessions') IS NULL THEN
        CREATE TABLE public.learning_space_sessions (
            id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
            learning_space_id uuid        NOT NULL REFERENCES public.learning_spaces ON DELETE CASCADE ON UPDATE CASCADE,
            session_id        uuid        NOT NULL UNIQUE REFERENCES public.sessions ON DELETE CASCADE ON UPDATE CASCADE,
            status            text        NOT NULL DEFAULT 'pending',
            created_at        timestamptz NOT NULL DEFAULT now(),
            updated_at        timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX ON public.learning_space_sessions (learning_space_id);
    END IF;
END $$;
