package import Foundation
package import Postgres

/// Reads and writes `public.learning_space_skills`; the skills themselves are Acontext's to make.
package struct SkillStore: Sendable {
    private let pool: PostgresPool
    private let turns = RowTurns()

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Makes a skill one of a space's.
    ///
    /// - Returns: a write that throws `TasksError.learningSpaceNotFound`; `TasksError.skillNotFound` also for a skill of another project;
    ///   `TasksError.skillAlreadyIncluded`; `TasksError.skillNameTaken` when the space has another one of its name; `PostgresError`.
    package func include(_ skill: UUID, in space: UUID, project: UUID) -> Write<LearningSpaceSkill> {
        let id = UUID()
        return Write(
            pool: self.pool,
            locks: (space, self.turns),
            isOneStatement: false,
            run: { database in
                // No key of the table's says that a name is there once; the lock lets two calls take turns.
                try LearningSpaceOwnership.lock(space: space, project: project, in: database)
                let names = try database.query(Self.findName, [.uuid(skill), .uuid(project)]) { row in
                    try row.decode(String.self)
                }
                guard let name = names.first else { throw TasksError.skillNotFound }
                let isSame = try database.query(
                    Self.findRival, [.uuid(space), .uuid(skill), .text(name)]
                ) { row in try row.decode(Bool.self) }.first
                switch isSame {
                case true: throw TasksError.skillAlreadyIncluded
                case false: throw TasksError.skillNameTaken(name)
                case nil: break
                }
                let ties = try database.query(
                    Self.insert, [.uuid(id), .uuid(space), .uuid(skill)], decode: Self.decodeTie
                )
                // CORE has included it meanwhile: it takes no lock.
                guard let tie = ties.first else { throw TasksError.skillAlreadyIncluded }
                return tie
            },
            find: { database in try database.query(Self.findTie, [.uuid(id)], decode: Self.decodeTie).first }
        )
    }

    private static let findName = PostgresStatement(
        "agent_skills.findName",
        "SELECT name FROM public.agent_skills WHERE id = $1 AND project_id = $2",
        isReadOnly: true
    )

    private static let findRival = PostgresStatement(
        "learning_space_skills.findRival",
        """
        SELECT l.skill_id = $2
        FROM public.learning_space_skills AS l JOIN public.agent_skills AS s ON s.id = l.skill_id
        WHERE l.learning_space_id = $1 AND (l.skill_id = $2 OR s.name = $3)
        ORDER BY 1 DESC LIMIT 1
        """,
        isReadOnly: true
    )

    private static let insert = PostgresStatement(
        "learning_space_skills.insert",
        """
        INSERT INTO public.learning_space_skills (id, learning_space_id, skill_id) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING
        RETURNING \(Self.tieColumns)
        """
    )

    private static let findTie = PostgresStatement(
        "learning_space_skills.find",
        "SELECT \(Self.tieColumns) FROM public.learning_space_skills WHERE id = $1",
        isReadOnly: true
    )

    private static let tieColumns = "id, learning_space_id, skill_id, created_at"

    private static func decodeTie(_ row: borrowing PostgresRow) throws -> LearningSpaceSkill {
        let (id, space, skill, created) = try row.decode(UUID.self, UUID.self, UUID.self, PostgresTimestamp.self)
        return LearningSpaceSkill(id: id, learningSpaceID: space, skillID: skill, createdAt: created)
    }

    /// The space's skills, by when they were included.
    ///
    /// - Throws: `TasksError.learningSpaceNotFound`, `PostgresError`.
    package func list(in space: UUID, project: UUID) async throws -> [Skill] {
        try await self.pool.attempt { database, _ in
            try LearningSpaceOwnership.require(space: space, project: project, in: database)
            return try database.query(Self.list, [.uuid(space), .uuid(project)], decode: Self.decode)
        }
    }

    // A file's path is a directory, `/` or `/dir/`, and a name; shown is what leads to it from the root.
    private static let list = PostgresStatement(
        "learning_space_skills.list",
        """
        SELECT s.id, s.user_id, s.name, coalesce(s.description, ''), s.disk_id, coalesce(
            (
                SELECT json_agg(
                    json_build_object(
                        'path', regexp_replace(a.path, '^/', '') || a.filename,
                        'mime', coalesce(a.asset_meta ->> 'mime', '')
                    ) ORDER BY a.path, a.filename
                ) FROM public.artifacts AS a WHERE a.disk_id = s.disk_id
            ), '[]')::text, s.meta::text, s.created_at, s.updated_at
        FROM public.learning_space_skills AS l JOIN public.agent_skills AS s ON s.id = l.skill_id
        WHERE l.learning_space_id = $1 AND s.project_id = $2
        ORDER BY l.created_at, l.id
        """,
        isReadOnly: true
    )

    private static func decode(_ row: borrowing PostgresRow) throws -> Skill {
        let (id, user, name, description, disk, files, meta, created, updated) = try row.decode(
            UUID.self, UUID?.self, String.self, String.self, UUID.self, String.self, String?.self,
            PostgresTimestamp.self, PostgresTimestamp.self
        )
        return Skill(
            id: id, userID: user, name: name, description: description, diskID: disk, files: files,
            meta: meta ?? "{}", createdAt: created, updatedAt: updated
        )
    }

    /// Takes a skill out of a space; the skill stays. Nothing when it is not in it.
    ///
    /// - Returns: a write that throws `TasksError.learningSpaceNotFound`, `PostgresError`.
    package func exclude(_ skill: UUID, from space: UUID, project: UUID) -> Write<Void> {
        Write(
            pool: self.pool,
            isOneStatement: false,
            run: { database in
                try LearningSpaceOwnership.require(space: space, project: project, in: database)
                try database.execute(Self.delete, [.uuid(space), .uuid(skill)])
            },
            find: { _ in nil }
        )
    }

    private static let delete = PostgresStatement(
        "learning_space_skills.delete",
        "DELETE FROM public.learning_space_skills WHERE learning_space_id = $1 AND skill_id = $2"
    )
}
