package world

import (
	"fmt"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// Address is where an order goes.
type Address struct {
	Name, Company, Line1, Line2, City, State, PostalCode, Country, Phone string
}

// Lines are the address as labels have it.
func (a *Address) Lines() []string {
	return []string{a.Name, a.Company, a.Line1, a.Line2, strings.TrimSpace(a.City + " " + a.State + " " + a.PostalCode), a.Country}
}

type place struct{ city, state, PostalCode string }

// Country is what addresses and names of a country are made of: plausible, and with the characters that occur there. Phone numbers
// are from ranges set aside for fiction where there are any.
type Country struct {
	names     []string
	lines     []string // %d is the house number
	Places    []place
	phone     string
	companies []string
	second    string // second line of some addresses
	gift      string // message that goes with a present
	vat       int    // per cent; the share of a price that is tax
}

var Countries = map[string]Country{
	"US": {[]string{"Olivia Carter", "Noah O'Brien", "Zoë Nguyen", "Liam \"Bud\" Walker"}, []string{"%d Maple Street", "%d W 5th Ave, Apt #4B"}, []place{{"Seattle", "WA", "98101"}, {"Austin", "TX", "78701"}, {"Portland", "ME", "04101"}}, "+1 206-555-01%02d", []string{"Northwind Traders LLC", "O'Neil, Park & Co."}, "Unit 2", "With love,\nT & J", 8},
	"CA": {[]string{"Émilie Tremblay", "Jack Singh"}, []string{"%d rue Saint-Denis", "%d King St W"}, []place{{"Montréal", "QC", "H2X 3K8"}, {"Toronto", "ON", "M5V 1J1"}}, "+1 416-555-01%02d", []string{"Érable & Fils inc."}, "bureau 300", "Bonne fête, Zoé!", 13},
	"MX": {[]string{"José Núñez", "María Fernanda Peña"}, []string{"Av. Revolución %d"}, []place{{"Ciudad de México", "CDMX", "03800"}, {"Mérida", "Yucatán", "97000"}}, "+52 55 5555 01%02d", []string{"Papelería Ñandú, S.A. de C.V."}, "Int. 4, Col. Mixcoac", "¡Feliz cumpleaños! 🎂", 16},
	"BR": {[]string{"João da Conceição", "Ana Luíza Araújo"}, []string{"Rua das Acácias, %d"}, []place{{"São Paulo", "SP", "01310-100"}, {"Goiânia", "GO", "74000-000"}}, "+55 11 5555-01%02d", []string{"Ação Comércio Ltda."}, "apto. 12", "Parabéns, mamãe!", 17},
	"DE": {[]string{"Jürgen Groß", "Anna-Lena Müller", "Günther Öztürk"}, []string{"Straße des Friedens %d", "Schloßallee %d a"}, []place{{"München", "", "80331"}, {"Köln", "", "50667"}, {"Görlitz", "", "02826"}}, "+49 30 23125 1%02d", []string{"Müller & Söhne GmbH"}, "2. OG, c/o Weiß", "Alles Gute, „Oma“!", 19},
	"GB": {[]string{"Siân Davies", "Oliver Smythe"}, []string{"Flat 2, %d High Street"}, []place{{"London", "", "SW1A 1AA"}, {"Stoke-on-Trent", "Staffordshire", "ST1 1AA"}}, "+44 20 7946 01%02d", []string{"Penhaligon & Sons Ltd"}, "The Old Rectory", "Happy birthday! 🎉 (that's £5 you owe me)", 20},
	"FR": {[]string{"François Lefèvre", "Maëlys Dœuvre"}, []string{"%d bis, rue de l'Église"}, []place{{"Paris", "", "75004"}, {"Besançon", "", "25000"}}, "+33 1 99 00 01 %02d", []string{"Crème & Cœur SARL"}, "Bât. C, 2ᵉ étage", "Joyeux Noël à tous « les petits » !", 20},
	"IT": {[]string{"Niccolò D'Angelo", "Giulia Però"}, []string{"Via Forlì %d"}, []place{{"Roma", "RM", "00197"}, {"Torino", "TO", "10121"}}, "+39 06 5550 01%02d", []string{"Città Carta S.r.l."}, "Scala B, int. 7", "Perché te lo meriti\tpiù di tutti", 22},
	"ES": {[]string{"Íñigo Muñoz", "Lucía Pérez"}, []string{"Calle Mayor, %d, 3º izq."}, []place{{"Madrid", "Madrid", "28013"}, {"A Coruña", "Galicia", "15001"}}, "+34 91 555 01%02d", []string{"Papelería Güell, S.L."}, "Esc. 2", "¿Te gusta? ¡Feliz día!", 21},
	"NL": {[]string{"Daniël van 't Hoff", "Zoë de Reünie"}, []string{"Prinsengracht %d-hs"}, []place{{"Amsterdam", "", "1016 HT"}, {"'s-Hertogenbosch", "", "5211 AA"}}, "+31 20 555 01%02d", []string{"Café Écru B.V."}, "2 hoog", "Gefeliciteerd, Renée!", 21},
	"BE": {[]string{"Loïc Peeters", "Femke Desmet"}, []string{"Rue de la Loi %d", "Kerkstraat %d bus 3"}, []place{{"Liège", "", "4000"}, {"Brugge", "", "8000"}}, "+32 2 555 01 %02d", []string{"Gaufre & Frites SPRL"}, "bte 4", "Bon anniversaire / Gelukkige verjaardag", 21},
	"SE": {[]string{"Åsa Öberg", "Björn Lindqvist"}, []string{"Drottninggatan %d"}, []place{{"Malmö", "", "211 22"}, {"Örebro", "", "702 10"}}, "+46 8 465 004 %02d", []string{"Älvsjö Papper AB"}, "lgh 1102", "Grattis på födelsedagen!", 25},
	"PL": {[]string{"Łukasz Wiśniewski", "Małgorzata Żółć"}, []string{"ul. Świętokrzyska %d m. 5"}, []place{{"Łódź", "", "90-001"}, {"Kraków", "", "30-001"}}, "+48 22 555 01 %02d", []string{"Gżegżółka Sp. z o.o."}, "klatka II", "Sto lat, Źdźbło! 🎈", 23},
	"IE": {[]string{"Aoife Ní Bhriain", "Seán Ó Súilleabháin"}, []string{"%d Sráid Mhór"}, []place{{"Dún Laoghaire", "Co. Dublin", "A96 X6T7"}}, "+353 20 913 01%02d", []string{"Tír na nÓg Ltd"}, "Baile Átha Cliath", "Lá breithe sona duit!", 23},
	"TR": {[]string{"Çağla Yıldız", "İbrahim Şahinoğlu"}, []string{"Gülşen Sokağı No: %d"}, []place{{"Beşiktaş", "İstanbul", "34353"}, {"Çankaya", "Ankara", "06690"}}, "+90 212 555 01 %02d", []string{"Işık Kırtasiye A.Ş."}, "Daire 7", "İyi ki doğdun!", 20},
	"ZA": {[]string{"Chanté du Plessis", "Thabo Mokoena"}, []string{"%d Kloof Street"}, []place{{"Cape Town", "Western Cape", "8001"}}, "+27 21 555 01%02d", []string{"Protea Papier (Pty) Ltd"}, "Gardens", "Veels geluk, Ouma Renée!", 15},
	"IN": {[]string{"Aarav Śarmā", "प्रिया पटेल"}, []string{"%d, M.G. Road"}, []place{{"Bengaluru", "KARNATAKA", "560001"}, {"Mumbai", "MAHARASHTRA", "400001"}}, "+91 80 5550 01%02d", []string{"Sharma & Sons Pvt. Ltd."}, "Opp. Ganesh Mandir", "जन्मदिन मुबारक! 🪔", 18},
	"EG": {[]string{"أحمد عبد الله", "مريم حسن"}, []string{"%d شارع طلعت حرب"}, []place{{"القاهرة", "القاهرة", "11511"}}, "+20 2 2555 01%02d", []string{"مكتبة النيل ش.م.م"}, "الدور الثالث", "كل عام وأنت بخير", 14},
	"SA": {[]string{"خالد بن سعود", "نورة الحربي"}, []string{"%d طريق الملك فهد"}, []place{{"الرياض", "منطقة الرياض", "11564"}, {"جدة", "مكة المكرمة", "21577"}}, "+966 11 555 01%02d", []string{"شركة القلم المحدودة"}, "حي العليا", "ألف مبروك! 🎁", 15},
	"AE": {[]string{"فاطمة الزعابي", "Omar Haddād"}, []string{"Villa %d, شارع الوصل"}, []place{{"دبي", "دبي", "00000"}, {"أبو ظبي", "أبو ظبي", "00000"}}, "+971 4 555 01%02d", []string{"Falcon Stationery FZ-LLC"}, "بالقرب من المسجد", "عيد سعيد", 5},
	"JP": {[]string{"山田 太郎", "佐藤 さくら", "髙橋 ケンジ"}, []string{"渋谷%d丁目1−2", "中央%d-3-5 コーポ青葉 201"}, []place{{"渋谷区", "東京都", "150-0002"}, {"札幌市中央区", "北海道", "060-0001"}}, "+81 3-5555-01%02d", []string{"株式会社すみれ"}, "①号室 〜青葉〜", "お誕生日おめでとう♪", 10},
	"AU": {[]string{"Charlotte Kelly", "Jack Nguyễn"}, []string{"%d Wattle Rd"}, []place{{"Melbourne", "VIC", "3000"}, {"Wagga Wagga", "NSW", "2650"}}, "+61 3 5550 01%02d", []string{"Kookaburra Supplies Pty Ltd"}, "Lot 7", "Happy birthday, mate! 🎉", 10},
	"SG": {[]string{"Tan Wei Ling 陈伟玲", "Muhammad Firdaus bin Ismail"}, []string{"Blk %d Ang Mo Kio Ave 3 #05-12"}, []place{{"Singapore", "", "560123"}}, "+65 6555 01%02d", []string{"Merlion Office Pte. Ltd."}, "S'pore HQ", "生日快乐!", 9},
}

// countryOf returns the table of a country; those without one get the United States'.
func countryOf(code string) *Country {
	c, ok := Countries[code]
	if !ok {
		c = Countries["US"]
	}
	return &c
}

// AddressIn makes an address in a country.
func (w *World) AddressIn(r random.Source, code string) Address {
	c := countryOf(code)
	p := random.Pick(r, c.Places)
	a := Address{Name: random.Pick(r, c.names), Line1: fmt.Sprintf(random.Pick(r, c.lines), r.Between(1, 180)), City: p.city, State: p.state, PostalCode: p.PostalCode, Country: code}
	a.Phone = fmt.Sprintf(c.phone, r.Between(0, 99))
	if r.Chance(4) {
		a.Line2 = c.second
	}
	return a
}

// TownOf tells which town of a country has a postal code; false when none that the world knows has it.
func TownOf(country, postalCode string) (city, state string, known bool) {
	for _, p := range Countries[country].Places {
		if p.PostalCode == postalCode {
			return p.city, p.state, true
		}
	}
	return "", "", false
}

// taxIncluded tells whether prices in a marketplace contain the tax: everywhere but in the United States and Canada.
func taxIncluded(m *marketplace.Marketplace) bool {
	return m.CountryCode != "US" && m.CountryCode != "CA"
}

// TaxRate is the tax on sales in a country, in per cent.
func TaxRate(country string) int { return countryOf(country).vat }

// taxOn is the tax on, or in, an amount.
func taxOn(units int, m *marketplace.Marketplace) int {
	rate := countryOf(m.CountryCode).vat
	if taxIncluded(m) {
		return units * rate / (100 + rate)
	}
	return units * rate / 100
}

// KindNames are the kinds of products in the languages of the marketplaces, in the order of productKinds. English is in productKinds.
var KindNames = map[string][]string{
	"de": {"Gelschreiber", "Notizbuch", "Schreibtischlampe", "Füllfederhalter", "Haftnotizen", "Papierablage", "Kugelschreiber", "Schere", "Tintenglas", "Pinselstift", "Heftgerät", "Wandkalender"},
	"fr": {"Stylo gel", "Carnet de notes", "Lampe de bureau", "Stylo-plume", "Notes repositionnables", "Bac à courrier", "Stylo à bille", "Ciseaux", "Flacon d'encre", "Feutre-pinceau", "Agrafeuse", "Calendrier mural"},
	"it": {"Penna gel", "Quaderno", "Lampada da scrivania", "Penna stilografica", "Foglietti adesivi", "Vaschetta portacorrispondenza", "Penna a sfera", "Forbici", "Boccetta d'inchiostro", "Penna a pennello", "Cucitrice", "Calendario da parete"},
	"es": {"Bolígrafo de gel", "Cuaderno", "Lámpara de escritorio", "Pluma estilográfica", "Notas adhesivas", "Bandeja de papel", "Bolígrafo", "Tijeras", "Tintero", "Rotulador pincel", "Grapadora", "Calendario de pared"},
	"pt": {"Caneta gel", "Caderno", "Luminária de mesa", "Caneta-tinteiro", "Notas adesivas", "Bandeja de papel", "Caneta esferográfica", "Tesoura", "Frasco de tinta", "Caneta-pincel", "Grampeador", "Calendário de parede"},
	"nl": {"Gelpen", "Notitieboek", "Bureaulamp", "Vulpen", "Zelfklevende notities", "Brievenbak", "Balpen", "Schaar", "Inktpot", "Penseelstift", "Nietmachine", "Wandkalender"},
	"sv": {"Gelpenna", "Anteckningsbok", "Skrivbordslampa", "Reservoarpenna", "Självhäftande lappar", "Brevkorg", "Kulspetspenna", "Sax", "Bläckflaska", "Penselpenna", "Häftapparat", "Väggkalender"},
	"pl": {"Długopis żelowy", "Notatnik", "Lampka biurkowa", "Pióro wieczne", "Karteczki samoprzylepne", "Półka na dokumenty", "Długopis", "Nożyczki", "Atrament w butelce", "Pisak pędzelkowy", "Zszywacz", "Kalendarz ścienny"},
	"tr": {"Jel kalem", "Defter", "Masa lambası", "Dolma kalem", "Yapışkan not kâğıdı", "Evrak rafı", "Tükenmez kalem", "Makas", "Mürekkep şişesi", "Fırça uçlu kalem", "Zımba", "Duvar takvimi"},
	"ar": {"قلم جل", "دفتر ملاحظات", "مصباح مكتب", "قلم حبر", "أوراق لاصقة", "صينية ورق", "قلم حبر جاف", "مقص", "زجاجة حبر", "قلم فرشاة", "دباسة", "تقويم حائط"},
	"ja": {"ゲルインクボールペン", "ノート", "デスクライト", "万年筆", "ふせん", "レタートレー", "ボールペン", "はさみ", "ボトルインク", "筆ペン", "ホッチキス", "壁掛けカレンダー"},
}

var packWord = map[string]string{
	"de": "%d Stück", "fr": "lot de %d", "it": "confezione da %d", "es": "pack de %d", "pt": "pacote com %d", "nl": "%d stuks", "sv": "%d-pack", "pl": "zestaw %d szt.", "tr": "%d'li paket", "ar": "عبوة من %d", "ja": "%d個セット",
}

// TitleIn is the product's name in the language of a marketplace.
func (p *Product) TitleIn(m *marketplace.Marketplace) string {
	language, _, _ := strings.Cut(m.Language, "_")
	names := KindNames[language]
	if names == nil || p.own {
		return p.Title
	}
	if p.IsParent() {
		return p.Brand + " " + names[p.Kind.index]
	}
	title := p.Brand + " " + names[p.Kind.index] + ", " + p.Size + ", " + p.Color
	if p.Pack > 1 {
		title += ", " + fmt.Sprintf(packWord[language], p.Pack)
	}
	if strings.HasSuffix(p.Title, penEmoji) {
		title += penEmoji
	}
	return title
}

const penEmoji = " 🖊️"
