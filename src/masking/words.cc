#include "masking/words.h"

namespace ytb::masking {
namespace {

constexpr std::string_view kFirstNames[] = {
    "Adeena",  "Aelric",  "Aila",    "Ailbhe",  "Aino",    "Aksel",   "Alarik",  "Alfhild", "Alva",
    "Alvar",   "Amias",   "Amund",   "Anatol",  "Andor",   "Aneirin", "Anouk",   "Ansel",   "Anselm",
    "Anthea",  "Arden",   "Aric",    "Arild",   "Armel",   "Arvid",   "Asgeir",  "Asta",    "Astor",
    "Auberon", "Audra",   "Aurin",   "Avelina", "Balder",  "Barnaby", "Bastian", "Beathan", "Beltane",
    "Bengt",   "Berrin",  "Birger",  "Blythe",  "Bodil",   "Bram",    "Bran",    "Branwen", "Brec",
    "Briar",   "Brisa",   "Bronwyn", "Bryn",    "Cadell",  "Caelan",  "Cairbre", "Caspian", "Cerys",
    "Ciaran",  "Cledwyn", "Colm",    "Conall",  "Corvin",  "Cosima",  "Cosmo",   "Crispin", "Cyprian",
    "Dafydd",  "Dagmar",  "Dagny",   "Damaris", "Darragh", "Delwyn",  "Demelza", "Desmer",  "Dilys",
    "Dorrin",  "Drustan", "Eachann", "Ebba",    "Edda",    "Edmar",   "Edrik",   "Eerika",  "Eilir",
    "Eilwen",  "Einar",   "Eira",    "Elfed",   "Elif",    "Elodie",  "Elowen",  "Elspeth", "Emlyn",
    "Endre",   "Enora",   "Eoghan",  "Erlend",  "Ermin",   "Esben",   "Eskil",   "Espen",   "Eudora",
    "Evander", "Evike",   "Fenella", "Fenna",   "Fergal",  "Finnian", "Fintan",  "Fiora",   "Fjodor",
    "Folke",   "Freya",   "Frida",   "Fulk",    "Galahad", "Gareth",  "Gawain",  "Gerda",   "Gethin",
    "Gisli",   "Gorm",    "Greer",   "Gudrun",  "Gunhild", "Gunnar",  "Gwendal", "Gwilym",  "Gytha",
    "Hadrian", "Haldis",  "Haldor",  "Halina",  "Halvard", "Hamish",  "Hanno",   "Hedda",   "Hedwig",
    "Heikki",  "Helga",   "Hemming", "Hesper",  "Hjalmar", "Honor",   "Hywel",   "Iarla",   "Idony",
    "Idris",   "Ieuan",   "Ilario",  "Ilka",    "Ilmari",  "Imke",    "Imogen",  "Indra",   "Inge",
    "Ingmar",  "Ingrith", "Iolo",    "Iona",    "Iseult",  "Isolde",  "Istvan",  "Ivalo",   "Ivar",
    "Jarl",    "Jarmila", "Jarno",   "Jessamy", "Jorah",   "Jorunn",  "Josune",  "Jovan",   "Juhani",
    "Junia",   "Kaija",   "Kalinda", "Kalle",   "Kasimir", "Katla",   "Kenwyn",  "Kerensa", "Kerttu",
    "Keziah",  "Kjartan", "Kjell",   "Kolbein", "Kolya",   "Kyna",    "Lachlan", "Larka",   "Lasse",
    "Laszlo",  "Leander", "Leif",    "Lennart", "Levke",   "Liadan",  "Linnea",  "Liv",     "Lorcan",
    "Loveday", "Lowri",   "Lubomir", "Lucan",   "Ludmila", "Mabyn",   "Maddoc",  "Maelys",  "Magda",
    "Magnus",  "Maia",    "Maire",   "Malin",   "Manfred", "Marek",   "Maren",   "Marit",   "Matilde",
    "Mavra",   "Maxima",  "Meirion", "Melor",   "Merrin",  "Merten",  "Mieke",   "Milan",   "Milena",
    "Mirela",  "Miro",    "Morag",   "Myfanwy", "Nahum",   "Nanna",   "Neasa",   "Nerys",   "Nevena",
    "Niamh",   "Nilo",    "Ninian",  "Njord",   "Nolwenn", "Norna",   "Nuala",   "Oddny",   "Odile",
    "Odran",   "Oisin",   "Olwen",   "Onno",    "Oona",    "Orla",    "Orsolya", "Orson",   "Osgar",
    "Osric",   "Otso",    "Ottilie", "Paivi",   "Pascoe",  "Peadar",  "Penrhyn", "Peredur", "Petroc",
    "Phelan",  "Piran",   "Quillan", "Quinta",  "Radomir", "Ragnar",  "Ramiel",  "Raphina", "Reidun",
    "Rhian",   "Rhodri",  "Rhosyn",  "Riona",   "Roald",   "Rohese",  "Romilly", "Ronan",   "Rosalba",
    "Rowena",  "Runa",    "Rurik",   "Saffron", "Sakari",  "Salka",   "Sanna",   "Saoirse", "Seren",
    "Severin", "Sidra",   "Sigrid",  "Sigurd",  "Silvan",  "Sindri",  "Siobhan", "Siri",    "Skadi",
    "Solveig", "Soren",   "Stellan", "Sunniva", "Svea",    "Sverre",  "Taavi",   "Tadgh",   "Talfryn",
    "Tamsin",  "Tancred", "Tarben",  "Teilo",   "Tekla",   "Terje",   "Thaddea", "Tirion",  "Tomasz",
    "Torben",  "Tordis",  "Torsten", "Trygve",  "Tudur",   "Tuva",    "Ulla",    "Ulrik",   "Una",
    "Urien",   "Ursin",   "Valdis",  "Valter",  "Varek",   "Veikko",  "Verena",  "Vesna",   "Vidar",
    "Vigdis",  "Viggo",   "Vilja",   "Vilmos",  "Wiebke",  "Wilmot",  "Wystan",  "Xanthe",  "Yestin",
    "Yngve",   "Yorick",  "Yrsa",    "Ysolde",  "Zdenka",  "Zelda",   "Zenobia", "Zephyr",  "Zinnia",
    "Zlata",   "Zoltan",  "Zora",
};

constexpr std::string_view kLastNameHeads[] = {
    "Ald",  "Amb",  "Ash", "Bel",  "Birk", "Bram", "Brok", "Cald", "Corv", "Dal", "Dun", "Elm",
    "Eskr", "Fal",  "Fen", "Firn", "Gal",  "Glen", "Gril", "Hald", "Haz",  "Hol", "Ild", "Jask",
    "Kel",  "Lark", "Lin", "Lom",  "Mal",  "Mer",  "Mird", "Nor",  "Oak",  "Osk", "Pem", "Quil",
    "Ren",  "Rosk", "Sel", "Sil",  "Stav", "Tam",  "Thor", "Ulf",  "Vel",  "Wes", "Wyn", "Yar",
};
constexpr std::string_view kLastNameTails[] = {
    "aby",  "ack",  "adal", "aker", "amo",  "ando", "arp",  "avik", "ebo",  "eden", "edal", "egor",
    "elow", "emor", "enz",  "esk",  "evan", "ibor", "idge", "ild",  "inga", "irow", "isk",  "iven",
    "obar", "odin", "olt",  "omay", "orin", "osk",  "oven", "umar", "undt", "uric", "usk",  "yard",
};

constexpr std::string_view kPlaceHeads[] = {
    "Alder",  "Amber",   "Apple",  "Arrow",  "Aspen",   "Bell",   "Birch",   "Black",   "Bramble", "Briar",
    "Bright", "Cedar",   "Clay",   "Clover", "Copper",  "Crane",  "Crow",    "Dapple",  "Drift",   "Eagle",
    "Ember",  "Falcon",  "Fern",   "Finch",  "Fox",     "Frost",  "Glimmer", "Gold",    "Grouse",  "Hawthorn",
    "Hazel",  "Heather", "Heron",  "Hollow", "Iron",    "Ivy",    "Juniper", "Lantern", "Lark",    "Linden",
    "Maple",  "Marble",  "Meadow", "Mist",   "Moss",    "Nettle", "Nut",     "Oriole",  "Otter",   "Pebble",
    "Plover", "Quarry",  "Quill",  "Raven",  "Reed",    "Rowan",  "Russet",  "Sedge",   "Silver",  "Slate",
    "Sorrel", "Sparrow", "Sun",    "Swan",   "Thistle", "Thorn",  "Umber",   "Vale",    "Velvet",  "Walnut",
    "Willow", "Winter",  "Wren",   "Yarrow",
};
constexpr std::string_view kPlaceTails[] = {
    "acre",  "beck",  "bourne", "bridge", "brook", "burrow", "cliff",   "combe",   "cove",
    "crest", "croft", "dale",   "fall",   "fell",  "fen",    "fold",    "garth",   "gate",
    "glen",  "grove", "haven",  "heath",  "holm",  "hurst",  "keld",    "landing", "mere",
    "moor",  "pool",  "reach",  "ridge",  "shaw",  "stead",  "thwaite", "wick",    "wood",
};
constexpr std::string_view kStreetKinds[] = {
    "Street", "Road",  "Lane", "Avenue", "Close", "Court", "Way",  "Walk",
    "Drive",  "Place", "Row",  "Square", "Rise",  "Green", "Mews", "Terrace",
};
constexpr std::string_view kCompanyTrades[] = {
    "Analytics",   "Bakeries", "Bindery",   "Ceramics", "Freight",  "Foods",      "Foundry",  "Gardens",
    "Instruments", "Joinery",  "Logistics", "Mills",    "Optics",   "Outfitters", "Press",    "Robotics",
    "Systems",     "Textiles", "Tools",     "Trading",  "Ventures", "Works",      "Workshop", "Yards",
};
constexpr std::string_view kCompanyForms[] = {"Ltd", "Inc", "LLC", "GmbH", "SA", "AB", "BV", "Co"};

}  // namespace

std::span<const std::string_view> first_names() { return kFirstNames; }
std::span<const std::string_view> last_name_heads() { return kLastNameHeads; }
std::span<const std::string_view> last_name_tails() { return kLastNameTails; }
std::span<const std::string_view> place_heads() { return kPlaceHeads; }
std::span<const std::string_view> place_tails() { return kPlaceTails; }
std::span<const std::string_view> street_kinds() { return kStreetKinds; }
std::span<const std::string_view> company_trades() { return kCompanyTrades; }
std::span<const std::string_view> company_forms() { return kCompanyForms; }

}  // namespace ytb::masking
