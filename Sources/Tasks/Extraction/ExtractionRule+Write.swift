import Foundation
import JSON
import Postgres

extension ExtractionRule {
    /// Writes what it has made of the messages, in the caller's transaction, which has the session locked.
    ///
    /// - Throws: `PostgresError`; `23505` when another service, which knows no such lock, has appended a task at the same time.
    func write(previous: UUID?, session: UUID, project: UUID, in database: PostgresSession) throws {
        if !self.opened.isEmpty {
            try database.execute(
                Self.insertTasks,
                [
                    .uuid(session), .uuid(project), .uuidArray(self.opened.map(\.id)),
                    .textArray(self.opened.map(\.data.text)),
                ]
            )
        }
        if let previous, !self.progresses.isEmpty {
            try database.execute(
                Self.addProgresses,
                [
                    .uuid(previous), .textArray(self.progresses), .int8(Int64(Self.maxProgresses)),
                ]
            )
        }
        try database.execute(
            Self.markMessages,
            [.uuidArray(self.links.map(\.message)), .uuidArray(self.links.map { $0.task ?? Self.noTask })]
        )
    }

    // An array of ids has no NULL; no task has this one.
    private static let noTask = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))

    // Lists go by creation time, so no two have the same.
    private static let insertTasks = PostgresStatement(
        "extraction.insertTasks",
        """
        INSERT INTO public.tasks (id, session_id, project_id, "order", data, status, created_at, updated_at)
        SELECT t.id, $1, $2, last."order" + t.place, t.data::jsonb, 'running', made.at, made.at
        FROM unnest($3::uuid[], $4::text[]) WITH ORDINALITY AS t (id, data, place)
        CROSS JOIN (SELECT coalesce(max("order"), 0) AS "order" FROM public.tasks WHERE session_id = $1) AS last
        CROSS JOIN LATERAL (SELECT statement_timestamp() + t.place * interval '1 microsecond' AS at) AS made
        """
    )

    // The status is its owner's business: a task may have been finished before the assistant's last words about it were looked at.
    private static let addProgresses = PostgresStatement(
        "extraction.addProgresses",
        """
        UPDATE public.tasks AS t
        SET updated_at = clock_timestamp(), data = t.data || jsonb_build_object('progresses', (
            SELECT jsonb_agg(latest.progress ORDER BY latest.place)
            FROM (
                SELECT progress, place
                FROM jsonb_array_elements(
                    CASE WHEN jsonb_typeof(t.data -> 'progresses') = 'array' THEN t.data -> 'progresses' ELSE '[]' END
                        || to_jsonb($2::text[])
                ) WITH ORDINALITY AS e (progress, place)
                ORDER BY place DESC
                LIMIT $3
            ) AS latest
        ))
        WHERE t.id = $1
        """
    )

    private static let markMessages = PostgresStatement(
        "extraction.markMessages",
        """
        UPDATE public.messages AS m
        SET session_task_process_status = 'success', updated_at = clock_timestamp(),
            task_id = coalesce(nullif(l.task_id, '\(Self.noTask)'), m.task_id)
        FROM unnest($1::uuid[], $2::uuid[]) AS l (message_id, task_id)
        WHERE m.id = l.message_id
        """
    )
}

extension ExtractionRule.Opened {
    /// What a task holds.
    var data: JSONValue {
        guard !self.progresses.isEmpty else { return ["task_description": .string(self.description)] }
        return [
            "task_description": .string(self.description),
            "progresses": .array(self.progresses.suffix(ExtractionRule.maxProgresses).map(JSONValue.string)),
        ]
    }
}
