/// Remembers the last so many ids, to tell a repeated message from a new one in bounded memory.
struct RecentIDs {
    private var ids: Set<String> = []
    /// A ring: the slot at `next` holds the oldest id once the ring is full.
    private var ring: [String] = []
    private var next = 0
    private let capacity: Int

    init(capacity: Int) {
        precondition(capacity > 0, "a memory of nothing")
        self.capacity = capacity
    }

    /// False when the id is remembered already. An id that is repeated is not remembered longer for it.
    mutating func insert(_ id: String) -> Bool {
        guard self.ids.insert(id).inserted else { return false }
        if self.ring.count < self.capacity {
            self.ring.append(id)
        } else {
            self.ids.remove(self.ring[self.next])
            self.ring[self.next] = id
            self.next = (self.next + 1) % self.capacity
        }
        return true
    }
}
