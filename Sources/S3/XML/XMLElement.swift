import Foundation
import FoundationXML

/// The elements of an answer, by their names; S3's answers have no attributes that matter, and no text beside elements.
struct XMLElement {
    let name: String
    fileprivate(set) var text = ""
    fileprivate(set) var children: [XMLElement] = []

    /// - Returns: nil for what is no XML.
    init?(_ bytes: [UInt8]) {
        let reader = XMLReader()
        let parser = XMLParser(data: Data(bytes))
        parser.delegate = reader
        guard parser.parse(), let root = reader.root else { return nil }
        self = root
    }

    fileprivate init(name: String) {
        self.name = name
    }

    /// The text of the first child of this name.
    subscript(name: String) -> String? { self.children.first { $0.name == name }?.text }
}

private final class XMLReader: NSObject, XMLParserDelegate {
    private(set) var root: XMLElement?
    private var open: [XMLElement] = []

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        self.open.append(XMLElement(name: name))
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) {
        guard !self.open.isEmpty else { return }
        self.open[self.open.count - 1].text += text
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        guard let ended = self.open.popLast() else { return }
        if self.open.isEmpty {
            self.root = ended
        } else {
            self.open[self.open.count - 1].children.append(ended)
        }
    }
}
