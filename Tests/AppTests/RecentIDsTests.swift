import Testing

@testable import App

@Suite("Recent ids")
struct RecentIDsTests {
    @Test("an id is new once")
    func repeated() {
        var ids = RecentIDs(capacity: 3)
        #expect(ids.insert("a"))
        #expect(!ids.insert("a"))
        #expect(ids.insert("b"))
        #expect(!ids.insert("a"))
    }

    @Test("beyond its capacity the oldest is forgotten, and only the oldest")
    func bounded() {
        var ids = RecentIDs(capacity: 3)
        for id in ["a", "b", "c", "d"] {
            #expect(ids.insert(id))
        }
        #expect(!ids.insert("b"))
        #expect(!ids.insert("c"))
        #expect(!ids.insert("d"))
        #expect(ids.insert("a"))
        #expect(ids.insert("b"))
    }
}
