import Foundation
import Postgres
import Support
import Testing

@testable import API

@Suite("/learning_spaces/{id}/skills (PostgreSQL)")
struct SkillRouteTests {
    private struct Tie: Decodable {
        let id: String
        let learning_space_id: String
        let skill_id: String
        let created_at: String
    }

    private struct Skill: Decodable {
        struct File: Decodable, Equatable {
            let path: String
            let mime: String
        }

        let id: String
        let user_id: String?
        let name: String
        let description: String
        let disk_id: String
        let file_index: [File]
        let created_at: String
        let updated_at: String
    }

    private static func path(_ space: UUID) -> String { "/api/v1/learning_spaces/\(space)/skills" }

    @Test("includes a skill once, lists it with its files, and takes it out")
    func wholeWay() async throws {
        try await withAPI { api in
            let space = try await api.makeSpace()
            let skills = [try await api.makeSkill("facts"), try await api.makeSkill("logs")]
            try await api.database.script(
                """
                UPDATE public.agent_skills SET meta = '{"n": 1.50}', description = 'all of them' WHERE name = 'facts';
                INSERT INTO public.artifacts (disk_id, path, filename, asset_meta)
                SELECT disk_id, path, filename, asset_meta::jsonb FROM public.agent_skills, (VALUES
                    ('/', 'SKILL.md', '{"mime": "text/markdown"}'), ('/a/b/', 'x.txt', '{"mime": "text/plain"}'), ('/', 'raw', '{}')
                ) AS files (path, filename, asset_meta) WHERE name = 'facts'
                """
            )
            #expect(try await api.client.send("GET", Self.path(space)).text.contains(#""data":[]"#))
            for skill in skills {
                let answer = try await api.client.send("POST", Self.path(space), body: #"{"skill_id":"\#(skill)"}"#)
                let tie: Tie = try answer.data(status: 201)
                #expect(tie.learning_space_id == space.lowercased && tie.skill_id == skill.lowercased)
                #expect(!answer.text.contains("updated_at"))
                let again = try await api.client.send("POST", Self.path(space), body: #"{"skill_id":"\#(skill)"}"#)
                try expect(again, 409, "skill already included in this space")
            }
            let answer = try await api.client.send("GET", Self.path(space))
            let listed: [Skill] = try answer.data()
            #expect(listed.map(\.id) == skills.map(\.lowercased))
            #expect(listed.map(\.description) == ["all of them", ""] && listed[1].file_index.isEmpty)
            #expect(
                listed[0].file_index == [
                    .init(path: "SKILL.md", mime: "text/markdown"), .init(path: "raw", mime: ""),
                    .init(path: "a/b/x.txt", mime: "text/plain"),
                ])
            #expect(answer.text.contains(#""meta":{"n": 1.50}"#) && !answer.text.contains("project_id"))
            for _ in 0..<2 {
                let path = "\(Self.path(space))/\(skills[0])"
                try expect(try await api.client.send("DELETE", path), 200, "ok")
            }
            let left: [Skill] = try await api.client.send("GET", Self.path(space)).data()
            #expect(left.map(\.name) == ["logs"])
            #expect(try await api.database.value("SELECT count(*) FROM public.agent_skills") == 2)
        }
    }

    @Test("refuses a second skill of a name, one that is not there, and ids that are none")
    func failures() async throws {
        try await withAPI { api in
            let space = try await api.makeSpace()
            let other = try await api.makeProject(phc: "unused")
            let name = #"it's a "skill""#
            try await api.include(skill: try await api.makeSkill(name), space: space)
            let twin = try await api.makeSkill(name)
            let before = try await api.footprint()
            let taken = try await api.client.send("POST", Self.path(space), body: #"{"skill_id":"\#(twin)"}"#)
            try expect(taken, 409, "skill with name '\(name)' already exists in this space")
            for skill in [UUID(), try await api.makeSkill("theirs", project: other.id)] {
                let answer = try await api.client.send("POST", Self.path(space), body: #"{"skill_id":"\#(skill)"}"#)
                try expect(answer, 404, "skill not found")
            }
            for body in [nil, "", "{}", "[]", #"{"skill_id":null}"#, #"{"skill_id":"x"}"#, #"{"skill_id":1}"#] {
                let answer = try await api.client.send("POST", Self.path(space), body: body)
                try expect(answer, 400, "parameter error", body ?? "no body")
            }
            for (method, path) in [
                ("GET", "/api/v1/learning_spaces/x/skills"), ("POST", "/api/v1/learning_spaces/x/skills"),
                ("DELETE", "/api/v1/learning_spaces/x/skills/\(twin)"), ("DELETE", "\(Self.path(space))/x"),
            ] {
                let body = method == "POST" ? #"{"skill_id":"\#(twin)"}"# : nil
                try expect(try await api.client.send(method, path, body: body), 400, "parameter error", path)
            }
            for (method, path) in [
                ("GET", Self.path(UUID())), ("POST", Self.path(UUID())), ("DELETE", "\(Self.path(UUID()))/\(twin)"),
            ] {
                let body = method == "POST" ? #"{"skill_id":"\#(twin)"}"# : nil
                try expect(try await api.client.send(method, path, body: body), 404, "learning space not found", path)
            }
            let theirs = try await api.database.value(
                "SELECT count(*) FROM public.agent_skills WHERE project_id = $1", [.uuid(other.id)], as: Int.self)
            #expect(theirs == 1)
            try await api.database.script("DELETE FROM public.agent_skills WHERE project_id = '\(other.id)'")
            #expect(try await api.footprint() == before)
        }
    }
}
