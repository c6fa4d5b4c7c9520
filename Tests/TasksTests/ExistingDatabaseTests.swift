import Foundation
import Postgres
import Support
import Testing

@testable import Tasks

@Suite("A database that Acontext made", .timeLimit(.minutes(1)))
struct ExistingDatabaseTests {
    /// As a released CORE makes them: other widths and names than ours, no `disable_task_status_change`, no `messages.meta`.
    private static let core = """
        DROP SCHEMA public CASCADE;
        CREATE SCHEMA public;
        CREATE TABLE public.projects (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), secret_key_hmac char(64) NOT NULL UNIQUE,
            secret_key_hash_phc varchar(255) NOT NULL, configs jsonb,
            created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
        CREATE TABLE public.users (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
            identifier varchar NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(), CONSTRAINT some_key UNIQUE (project_id, identifier));
        CREATE TABLE public.sessions (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
            user_id uuid REFERENCES public.users ON DELETE CASCADE, disable_task_tracking boolean NOT NULL DEFAULT false,
            configs jsonb, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
        CREATE TABLE public.tasks (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), session_id uuid NOT NULL REFERENCES public.sessions ON DELETE CASCADE,
            project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE, "order" integer NOT NULL, data jsonb NOT NULL,
            status varchar NOT NULL DEFAULT 'pending', is_planning boolean NOT NULL DEFAULT false,
            created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT uq_session_id_order UNIQUE (session_id, "order"));
        CREATE TABLE public.learning_spaces (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), project_id uuid NOT NULL REFERENCES public.projects ON DELETE CASCADE,
            user_id uuid REFERENCES public.users ON DELETE CASCADE, meta jsonb,
            created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
        CREATE TABLE public.learning_space_sessions (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            learning_space_id uuid NOT NULL REFERENCES public.learning_spaces ON DELETE CASCADE,
            session_id uuid NOT NULL REFERENCES public.sessions ON DELETE CASCADE, status varchar NOT NULL DEFAULT 'pending',
            created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
        """

    /// Every column and index of the tables that Acontext made.
    private static let shape = """
        SELECT coalesce(string_agg(line, E'\\n' ORDER BY line), '') FROM (
            SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, column_default) AS line
            FROM information_schema.columns WHERE table_schema = 'public'
            UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        ) AS lines WHERE line ~ '(projects|users|sessions|tasks|learning_spaces)( |_pkey|_key| USING)' AND line !~ 'disable_task_status'
        """

    @Test("migrating adds one column to it and alters nothing else, and the service works on it")
    func migrate() async throws {
        let migration = URL(filePath: #filePath).appending(path: "../../../sql/migrations/m0002_acontext.sql")
            .standardized
        let sql = try String(contentsOf: migration, encoding: .utf8)
        try await withFixture { fixture in
            try await fixture.database.script(Self.core)
            let before = try await fixture.database.value(Self.shape, as: String.self)
            for _ in 1...2 { try await fixture.database.script(sql) }
            let after = try await fixture.database.value(Self.shape, as: String.self)
            #expect(after == before)

            let hmac = String(repeating: "a", count: 64)
            let project = try await fixture.projects.create(secretKeyHMAC: hmac, secretKeyHashPHC: "phc")
            #expect(try await fixture.projects.find(secretKeyHMAC: hmac)?.id == project)
            let session = try await fixture.session(learning: true, project: project)
            let task = try await fixture.task(in: session, project: project)
            let change = try await fixture.tasks.setStatus(.success, task: task, session: session, project: project)
                .perform()
            #expect(change.event != nil)
        }
    }
}
