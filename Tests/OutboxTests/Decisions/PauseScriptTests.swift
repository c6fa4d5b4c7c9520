import Testing

@testable import Outbox

#if DEBUG
    @Suite("What the failure tests may ask of the relay")
    struct PauseScriptTests {
        @Test("an action is due at its point, at the time it names, and once")
        func due() throws {
            var script = try #require(PauseScript("before_mark:2=kill"))
            #expect(script.reached(.claimDone) == nil)
            #expect(script.reached(.beforeMark) == nil)
            #expect(script.reached(.afterCommit) == nil)
            #expect(script.reached(.beforeMark) == .kill)
            #expect(script.reached(.beforeMark) == nil)
        }

        @Test(
            "each form is read",
            arguments: [
                ("claim_done=stop", PausePoint.claimDone, PauseScript.Action.stop),
                ("mark_before_commit:1=sleep:250", .markBeforeCommit, .sleep(milliseconds: 250)),
                ("before_shutdown=kill", .beforeShutdown, .kill),
            ]
        )
        func forms(text: String, point: PausePoint, action: PauseScript.Action) throws {
            var script = try #require(PauseScript(text))
            #expect(script.reached(point) == action)
        }

        @Test(
            "a misspelt one is refused",
            arguments: [
                "", "claim_done", "claim_don=kill", "claim_done:0=kill", "claim_done=sleep", "claim_done=sleep:x",
                "=kill",
            ]
        )
        func misspelt(text: String) {
            #expect(PauseScript(text) == nil)
        }
    }
#endif
