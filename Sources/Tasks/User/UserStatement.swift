/// SQL shared by the statements that take a user's identifier: get-or-create in the statement that needs the id.
enum UserStatement {
    /// Two common table expressions that end in `owner(id)`: no row when `identifier` is NULL.
    ///
    /// The update that changes nothing makes a concurrent creator's row visible to this statement.
    static func owner(project: String, identifier: String) -> String {
        """
        found AS (
            SELECT id FROM public.users WHERE project_id = \(project) AND identifier = \(identifier)
        ), created AS (
            INSERT INTO public.users (project_id, identifier)
            SELECT \(project), \(identifier) WHERE \(identifier) IS NOT NULL AND NOT EXISTS (SELECT FROM found)
            ON CONFLICT (project_id, identifier) DO UPDATE SET identifier = EXCLUDED.identifier
            RETURNING id
        ), owner AS (
            SELECT id FROM found UNION ALL SELECT id FROM created
        )
        """
    }
}
