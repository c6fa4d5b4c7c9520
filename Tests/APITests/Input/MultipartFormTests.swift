import Testing

@testable import API

@Suite("A form of several parts")
struct MultipartFormTests {
    private static func parse(_ text: String, boundary: String = "b") throws -> MultipartForm {
        try MultipartForm(Array(text.utf8), boundary: boundary)
    }

    private static func text(_ bytes: ArraySlice<UInt8>?) -> String? {
        bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("has fields and files, byte for byte, the first of a name")
    func parts() throws {
        let form = try Self.parse(
            "preamble\r\n--b \t\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{\"a\":\"\r\n--\"}\r\n"
                + "--b\r\ncontent-type:  image/png\r\nCONTENT-DISPOSITION: form-data; filename=\"C:\\dir\\\\a \\\"b\\\".png\"; name=file\r\n\r\n"
                + "\r\n\r\r\n--c\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"second\"\r\n\r\n\r\n"
                + "--b\r\nContent-Disposition: form-data; name=\"payload\";\r\n\r\nsecond\r\n--b--\r\nepilogue"
        )
        #expect(form.parts.count == 4)
        #expect(Self.text(form.field("payload")) == "{\"a\":\"\r\n--\"}")
        let file = try #require(form.file("file"))
        #expect(file.filename == "a \"b\".png" && file.contentType == "image/png")
        #expect(Self.text(file.content) == "\r\n\r\r\n--c\r\n")
        #expect(form.parts[2].filename == "second" && form.parts[2].content.isEmpty)
        #expect(form.field("file") == nil && form.file("payload") == nil && form.field("") == nil)
    }

    @Test("may begin with its boundary, and may be empty")
    func start() throws {
        #expect(try Self.parse("--b--").parts.isEmpty)
        #expect(try Self.parse("--b\r\ncontent-disposition: form-data; name=é\r\n\r\nx\r\n--b--").parts[0].name == "é")
    }

    @Test(
        "that breaks a rule is refused",
        arguments: [
            "", "--", "--b", "--b\r\n", "--b\r\n\r\n\r\n--b--", "--c--", "x--b--", "--bx\r\n--b--", "--b-", "--b\n",
            // No end.
            "--b\r\ncontent-disposition: form-data; name=a\r\n\r\nx",
            "--b\r\ncontent-disposition: form-data; name=a\r\n\r\nx\r\n--b",
            "--b\r\ncontent-disposition: form-data; name=a\r\n\r\nx\n--b--",
            // Not enough of a header, or too much.
            "--b\r\ncontent-type: x\r\n\r\nx\r\n--b--", "--b\r\ncontent-disposition\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: attachment; name=a\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=\"\"\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=\"a\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=\"a\"b\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=a; name=b\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=a\u{0}\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=a\n\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=a\r\n folded\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=a\r\ncontent-disposition: form-data; name=a\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=a\r\ncontent-transfer-encoding: base64\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=\(String(repeating: "a", count: 256))\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=a; filename=\(String(repeating: "a", count: 1025))\r\n\r\nx\r\n--b--",
            "--b\r\nx: \(String(repeating: "a", count: 4092))\r\ncontent-disposition: form-data; name=a\r\n\r\nx\r\n--b--",
            "--b\r\nx: \(String(repeating: "a", count: 4093))\r\ncontent-disposition: form-data; name=a\r\n\r\nx\r\n--b--",
            "--b\r\nx: \(String(repeating: "a", count: 4096))\r\ncontent-disposition: form-data; name=a\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=a\r\ncontent-type: a\u{1}b\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=a\r\ncontent-type: a\nb\r\n\r\nx\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=a\r\ncontent-type: \(String(repeating: "a", count: 256))\r\n\r\nx\r\n--b--",
        ]
    )
    func refused(text: String) {
        #expect(throws: RequestError.invalidParameter) { try Self.parse(text) }
    }

    @Test("that is no UTF-8 in its header is refused; its content may be anything")
    func bytes() throws {
        let head = Array("--b\r\ncontent-disposition: form-data; name=a".utf8)
        let tail = Array("\r\n--b--".utf8)
        let content: [UInt8] = [0xFF, 0x00, 0x0D, 0x0A, 0x2D]
        #expect(
            try MultipartForm(head + Array("\r\n\r\n".utf8) + content + tail, boundary: "b").parts[0].content
                .elementsEqual(content))
        #expect(throws: RequestError.invalidParameter) {
            try MultipartForm(head + [0xFF] + Array("\r\n\r\n".utf8) + tail, boundary: "b")
        }
    }

    @Test("has 100 parts at most")
    func many() throws {
        func text(_ count: Int) -> String {
            String(repeating: "--b\r\ncontent-disposition: form-data; name=a\r\n\r\n\r\n", count: count) + "--b--"
        }
        #expect(try Self.parse(text(100)).parts.count == 100)
        #expect(throws: RequestError.invalidParameter) { try Self.parse(text(101)) }
    }

    @Test("never fails in another way, wherever it is cut or changed")
    func hostile() {
        let whole = Array(
            "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\nContent-Type: a\r\n\r\nabc\r\n--b--\r\n"
                .utf8
        )
        for index in whole.indices {
            for byte: UInt8 in [0x00, 0x0A, 0x0D, 0x22, 0x2D, 0x3B, 0x5C, 0xFF] {
                var changed = whole
                changed[index] = byte
                for body in [changed, Array(whole[..<index]), Array(whole[index...])] {
                    _ = try? MultipartForm(body, boundary: "b")  // either is fine
                }
            }
        }
    }

    @Test("is known by its content type")
    func contentTypes() {
        let long = String(repeating: "a", count: 70)
        for (type, boundary) in [
            ("multipart/form-data; boundary=b", "b"), ("Multipart/Form-Data;boundary=\"a b\"; charset=utf-8", "a b"),
            ("multipart/form-data; BOUNDARY=----WebKitFormBoundary7MA4YWxk", "----WebKitFormBoundary7MA4YWxk"),
            ("multipart/form-data; boundary=\(long)", long),
            ("multipart/form-data; boundary=a'()+_,-./:=?", "a'()+_,-./:=?"),
            ("multipart/form-data", nil), ("multipart/form-data; boundary=", nil),
            ("multipart/form-data; boundary=\"\"", nil),
            ("multipart/form-data; boundary=a\(long)", nil), ("multipart/form-data; boundary=\"a \"", nil),
            ("multipart/form-data; boundary=a; boundary=b", nil), ("multipart/form-data; boundary=\"a<b\"", nil),
            ("multipart/mixed; boundary=b", nil), ("application/json", nil), ("", nil), (nil, nil),
        ] as [(String?, String?)] {
            #expect(MultipartForm.boundary(in: type) == boundary, "\(type ?? "none")")
        }
    }
}
