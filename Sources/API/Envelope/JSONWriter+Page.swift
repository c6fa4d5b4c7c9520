import Tasks

extension JSONWriter {
    /// A list page: `items`, `has_more`, and `next_cursor` only if there is more (contract.md §1.4).
    mutating func page<Item>(_ page: Page<Item>, each write: (inout JSONWriter, Item) -> Void) {
        self.object { json in
            json.key("items")
            json.array(page.items, each: write)
            json.member("has_more", page.next != nil)
            if let next = page.next { json.member("next_cursor", next.text) }
        }
    }
}
