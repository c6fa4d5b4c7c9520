import Testing

@testable import App

@Suite("Recent ids")
struct RecentIDsTests {
    @Test("an id is new once")
    func repeated() {
        var ids = RecentIDs(capacity: 3)
        let isNew = ["a", "a", "b", "a"].map { ids.insert($0) }
        #expect(isNew == [true, false, true, false])
    }

    @Test("beyond its capacity the oldest is forgotten, and only the oldest")
    func bounded() {
        var ids = RecentIDs(capacity: 3)
        let isNew = ["a", "b", "c", "d", "b", "c", "d", "a", "b"].map { ids.insert($0) }
        #expect(isNew == [true, true, true, true, false, false, false, true, true])
    }
}
