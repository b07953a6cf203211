#include "masking/vocabulary.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

namespace ytb::masking {
namespace {

using std::string_view;

// Phrases are in normal form (identifier_words.h) and separated by |.
struct Entry {
  Meaning meaning;
  bool head_first;  // of a Romance language
  string_view phrases;
};

constexpr Forms kDigits{.integer = true};
constexpr Forms kMeasure{.integer = true, .number = true};
constexpr Forms kAnyForm{.integer = true, .uuid = true};
constexpr Forms kRandom{.uuid = true};
constexpr Forms kTextOnly{};
constexpr bool kSecret = true;

constexpr std::array kEntries{
    // --- secrets
    Entry{{"hash", kAnyForm, kSecret},
          false,
          "password|passphrase|passcode|secret|token|salt|pepper|otp|totp|hotp|pin|credential|"
          "api key|access key|secret key|private key|encryption key|decryption key|signing key|"
          "hmac key|master key|shared key|ssh key|gpg key|pgp key|auth key|license key|"
          "licence key|app key|passwort|kennwort|contrasena|senha|parola|cvv|cvc|"
          "card verification value|account key"},
    Entry{{"hash", kRandom, kSecret},
          false,
          "pass|cookie|nonce|password hint|security question|security answer|secret question|"
          "secret answer|mnemonic|seed phrase|authorization|bearer|jwt|csrf|xsrf|code verifier|"
          "code challenge|session state|oauth state|connection string|dsn|webhook url|signed url|"
          "presigned url|magic link|clave|one time code"},
    Entry{{"hash", kAnyForm, kSecret}, true, "passe mot|mot passe|contrasena|senha"},
    Entry{{"hash", kRandom, kSecret},
          false,
          "session id|session uid|session key|session identifier|sid|jsessionid|phpsessid|"
          "fingerprint|thumbprint|device id|device identifier|device uuid|device uid|"
          "advertising id|idfa|gaid|imei|imsi|visitor id|anonymous id|push id|google id|"
          "facebook id|apple id|twitter id|github id|gitlab id|linkedin id|instagram id|discord id|"
          "telegram id|slack user id|wechat id|openid|open id|matrix id|mxid|xmpp jid"},
    // --- numbers that a state, a bank or an insurer gave to somebody
    Entry{{"hash", kDigits},
          false,
          "ssn|social security|social security number|social insurance number|social security no|"
          "sin number|national id|national number|national identifier|"
          "national identification number|nin|nino|citizen id|personal id|personal number|"
          "personnummer|identity number|identification number|identification id|visa number|"
          "permit number|identity card|id card|id number|id document number|tax id|tax number|"
          "tax identifier|tax identification number|taxid|tin|ein|itin|fiscal code|"
          "codice fiscale|vat id|vat|vat number|vatin|passport|passport number|passport id|"
          "driver license|driver license number|driving license|driving licence|"
          "driving license number|license number|licence number|license plate|licence plate|"
          "number plate|plate number|kennzeichen|nif|nie|dni|cpf|cnpj|rut|curp|cuit|nik|aadhaar|"
          "aadhar|bsn|pesel|siret|siren|steuernummer|steuer number|steuer id|"
          "sozialversicherung number|versicherung number|ausweis number|iban|bic|swift|"
          "swift code|bic code|account number|bank account|bank account number|bank account id|"
          "kontonummer|konto number|blz|bankleitzahl|routing number|sort code|card number|"
          "credit card|debit card|credit card number|cc number|pan|last digit|last 4|last four|"
          "card last 4|account last 4|mac|mac address|vin|legal number|registration number|"
          "company number|commercial register|mrn|medical record number|health record number|"
          "patient number|health card number|nhs number|insurance number|policy holder number|"
          "medicare number|medicaid number|member number"},
    Entry{{"hash", kDigits},
          true,
          "numero securite sociale|securite sociale|numero fiscal|numero compte|numero cuenta|"
          "cuenta bancaria|compte bancaire|conto bancario|partita iva|carte bancaire|"
          "tarjeta credito|cartao credito|codice fiscale|documento identidad|numero passeport|"
          "cedula"},
    // --- what reaches somebody
    Entry{{"email", kTextOnly},
          false,
          "email|mail|email address|mail address|mailbox|email id|email adresse|mail adresse|"
          "courriel|correo|posta elettronica|email recipient|cc|bcc|reply to|from address|"
          "to address"},
    Entry{{"email", kTextOnly},
          true,
          "courriel|correo|correo electronico|adresse mail|adresse email|adresse electronique|"
          "direccion correo|endereco email"},
    Entry{{"phone", kDigits},
          false,
          "phone|phone number|telephone|telephone number|mobile|mobile number|mobile phone|"
          "mobile phone number|cell|cell number|cell phone|cell phone number|fax|fax number|"
          "telefon|telefonnummer|telefon number|telefono|telefone|handy|handynummer|handy number|"
          "msisdn|whatsapp|whatsapp number|rufnummer|ruf number|portable|movil|celular|cellulare|"
          "contact number|caller id|mobil|caller number|from number|to number|sender number|"
          "recipient number|callback number"},
    Entry{{"phone", kDigits},
          true,
          "telephone|telefono|telefone|movil|celular|telephone domicile|numero telephone|"
          "numero telefono|numero tel|numero portable|numero mobile"},
    Entry{{"ip", kDigits},
          false,
          "ip|ip address|ip adresse|remote address|client address|peer address|ipv|ipv address|"
          "ip v|remote ip|remote host|remote host address"},
    Entry{{"hash", kTextOnly}, false, "user agent|useragent|browser fingerprint|ua string"},
    Entry{{"url", kTextOnly},
          false,
          "url|website|web site|homepage|home page|web page|webpage|avatar|gravatar|linkedin|"
          "facebook|twitter|instagram|tiktok|youtube|github|mastodon|xing|profile link|profile url|"
          "profile uri|avatar uri|website uri|blog"},
    // --- names
    Entry{{"first_name", kTextOnly},
          false,
          "first name|vor name|fname|given name|forename|middle name|mname|vorname|rufname|prenom|"
          "nome proprio|christian name|preferred name|call name"},
    Entry{{"first_name", kTextOnly}, true, "prenom|primer nombre|segundo nombre|primeiro nome"},
    Entry{{"last_name", kTextOnly},
          false,
          "last name|lname|surname|family name|maiden name|birth name|nachname|familienname|"
          "geburtsname|nach name|zuname|apellido|cognome|sobrenome|second name|patronymic|"
          "mother maiden name"},
    Entry{{"last_name", kTextOnly},
          true,
          "nom famille|famille nom|apellido|primer apellido|segundo apellido|cognome|sobrenome"},
    Entry{{"username", kTextOnly},
          false,
          "username|user name|login|login name|user login|screen name|nickname|nick|account name|"
          "logon name|benutzername|benutzer name|usuario|identifiant|utente|preferred username|"
          "telegram|skype|discord|discord handle|twitter handle|social handle|user handle|"
          "gamertag|user principal name|upn|sam account name|slack id|slack handle"},
    Entry{{"username", kTextOnly}, true, "nombre usuario|nom utilisateur|nome utente|nome usuario"},
    Entry{{"person_name", kTextOnly},
          false,
          "full name|real name|legal name|contact person|cardholder|card holder|account holder|"
          "policy holder|policyholder|holder|author|signatory|signer|signee|beneficiary|"
          "emergency contact|kin next|ansprechpartner|ansprechperson|kontaktperson|inhaber|"
          "kontoinhaber|person name|owner name|recipient|sender name|billing name|shipping name|"
          "delivery name|recipient name|attention|father name|mother name|spouse name|"
          "guardian name|care of|invitee|attendee|payee|vollname|voller name|name ansprechpartner"},
    Entry{{"person_name", kTextOnly},
          true,
          "nom complet|nombre completo|nome completo|nom prenom|destinataire"},
    Entry{{"company", kTextOnly},
          false,
          "company|company name|organization name|organisation name|employer|employer name|"
          "business name|firm name|trading name|legal entity name|firma|firmenname|firma name|"
          "empresa|entreprise|societe|azienda|ditta|arbeitgeber|arbeitgeber name|vendor name|"
          "supplier name|merchant name"},
    Entry{{"company", kTextOnly},
          true,
          "raison sociale|razon social|ragione sociale|razao social|nom societe|nom entreprise|"
          "nombre empresa"},
    // --- where somebody lives or is
    Entry{{"street_address", kTextOnly},
          false,
          "address|street|street address|address line|street name|street number|house number|"
          "house name|building number|apartment|apartment number|flat number|suite|suite number|"
          "unit number|door number|strasse|strassenname|hausnummer|haus number|hausnr|adresse|"
          "anschrift|lieferadresse|rechnungsadresse|wohnadresse|adresszusatz|rue|calle|direccion|"
          "indirizzo|endereco|domicilio|domicile|po box|ship to address|bill to address|"
          "deliver to address|postfach|postal address|residence|residential address|landmark|"
          "bairro|quartier|complemento"},
    Entry{{"street_address", kTextOnly},
          true,
          "rue|calle|adresse|direccion|indirizzo|endereco|domicilio|numero rue|numero calle"},
    Entry{{"city", kTextOnly},
          false,
          "city|town|locality|suburb|municipality|village|hamlet|parish|city name|town name|"
          "village name|wohnort|ort|ortsname|stadt|ville|ciudad|citta|cidade|commune|comune|"
          "localidad|localite|gemeinde|birthplace|birth place|birth city|birth town|geburtsort|"
          "geburt ort|naissance lieu|nacimiento lugar|district|colony|neighborhood|neighbourhood"},
    Entry{{"city", kTextOnly},
          true,
          "ville|ciudad|citta|cidade|commune|lieu naissance|lugar nacimiento|luogo nascita"},
    Entry{{"postcode", kDigits},
          false,
          "zip|zip code|postal code|postcode|post code|zip postal code|plz|postleitzahl|"
          "code postal|codigo postal|cep|pin code|postal zip|zip plus 4"},
    Entry{{"postcode", kDigits}, true, "code postal|codigo postal|cp"},
    Entry{{"number_noise", kMeasure},
          false,
          "latitude|longitude|lat|lon|lng|salary|income|wage|net worth|annual income|"
          "monthly income|gehalt|lohn|einkommen|salaire|salario|stipendio|ordenado|"
          "hourly rate pay|credit score"},
    // --- when somebody was born; what somebody's body is like
    Entry{{"date_shift", kTextOnly},
          false,
          "birth|birthday|birthdate|birth date|dob|born|born on|born at|bday|birth time|"
          "birth datetime|geburtsdatum|geburtstag|geburt|geburt date|geburt tag|birth dt|"
          "naissance|naissance date|nacimiento|nacimiento fecha|nascita|nascita data|nascimento|"
          "nascimento data|death|death date|death datetime|death time|deceased|deceased at|"
          "deceased on|deceased date|died on|died at|died|sterbedatum|todesdatum|deces|"
          "fallecimiento"},
    Entry{{"date_shift", kTextOnly},
          true,
          "date naissance|fecha nacimiento|data nascita|data nascimento|date deces|"
          "fecha fallecimiento"},
    Entry{{"number_noise", kMeasure},
          false,
          "systolic|diastolic|blood pressure|blood sugar|blood glucose|glucose|heart rate|"
          "pulse rate|bmi|body mass index|cholesterol|hba 1 c|hemoglobin|haemoglobin|body weight|"
          "weight kg|weight lb|body height|height cm|body temperature|oxygen saturation|spo|"
          "respiratory rate|fev"},
    Entry{{"judge", kMeasure},
          false,
          "gender|sex|race|ethnicity|ethnic group|religion|faith|nationality|citizenship|"
          "marital status|civil status|family status|sexual orientation|political party|"
          "trade union|geschlecht|sexo|sesso|genero|konfession|familienstand|diagnosis|diagnose|"
          "diagnostic|disability|medication|allergy|blood type|blood group|disease|illness|"
          "symptom|prescription|pregnant|pregnancy|photo|picture|portrait|selfie|face|biometric|"
          "iris|dna|genome|criminal record|geohash|quadkey|geolocation|geo location|geo point|"
          "coordinate|gps|gps location|lat lng|lat lon|plus code|tile|what 3 word|initial|"
          "document number"}};

// Rows of such tables, and text columns of that name, are somebody.
constexpr string_view kPersons =
    "user|customer|person|employee|staff|patient|contact|author|student|pupil|teacher|driver|"
    "guest|subscriber|kunde|clienti|benutzer|mitarbeiter|personen|utilisateur|cliente|usuario|"
    "candidate|applicant|passenger|participant|invitee|attendee|speaker|player|doctor|physician|"
    "nurse|practitioner|therapist|parent|guardian|child|sibling|spouse|father|mother|recipient|"
    "sender|signer|signatory|payee|payer|buyer|seller|borrower|lender|resident|visitor|volunteer|"
    "donor|instructor|tutor|coach|trainer|artist|singer|musician|composer|photographer|inspector|"
    "reviewer|approver|referee|beneficiary|holder|cardholder|policyholder|shareholder|citizen|"
    "voter|caller|callee|witness|suspect|victim|defendant|plaintiff|lawyer|attorney|judge|"
    "counselor|caregiver|people|human|individual|insured|householder|patientin|patienten|schuler|"
    "lehrer|arzt|personne|persona|pessoa|paciente|empleado|employe|dipendente|funcionario|"
    "kontakt|consumer|shopper|learner|manager|supervisor|technician|salesperson|representative|"
    "freelancer|contractor|crew|lead|fan|friend|follower";
// Of people or of programs and firms: the columns beside them tell.
constexpr string_view kPerhapsPersons =
    "client|actor|account|member|agent|owner|admin|administrator|operator|creator|editor|"
    "requester|assignee|principal|identity|profile|organizer|host|provider|responsible|moderator|"
    "partner|party|respondent";
constexpr string_view kFirms =
    "company|supplier|vendor|merchant|firm|firma|firmen|empresa|employer|lieferant|fournisseur|"
    "proveedor|fornitore|dealer|reseller|distributor";

constexpr string_view kFreeText =
    "note|comment|remark|message|body|bio|biography|about|feedback|review|description|content|"
    "text|reason|label|title|bemerkung|kommentar|notiz|nachricht|beschreibung|commentaire|"
    "comentario|commento|observation|observacao|observacion|detail|summary|excerpt|abstract|"
    "query|metadata|meta|payload|property|setting|preference|data|caption|quote|answer|question|"
    "response|request|reply|statement|explanation|justification|motivation|instruction|error|"
    "exception|stacktrace|backtrace|trace|log|transcript|introduction|headline|tagline|footer|"
    "header|signature|letter|memo|story|diary|journal|testimonial|complaint|issue|other|misc|"
    "additional|extra|raw|snippet|search|keyword|term|input|output|argument|param|parameter|diff|"
    "change|history|report|finding|result|value|document";

// Words that say of something what kind it is, how much, when or how: never what it is. "email_type" is a
// type, whatever an e-mail address is.
constexpr string_view kDescriptions =
    // kinds and states
    "type|kind|class|category|classification|status|state|phase|stage|step|mode|level|tier|grade|"
    "rank|rating|priority|severity|weight|flag|option|variant|style|color|colour|icon|emoji|size|"
    "format|encoding|charset|unit|scale|shape|direction|orientation|side|typ|art|zustand|estado|"
    "etat|tipo|"
    // amounts and limits
    "count|total|sum|amount|quantity|limit|quota|max|maximum|min|minimum|average|avg|median|rate|"
    "ratio|percent|percentage|score|point|balance|price|cost|fee|tax|discount|threshold|capacity|"
    "budget|lifespan|lifetime|ttl|expiry|expiration|interval|frequency|period|duration|timeout|"
    "delay|retry|attempt|digit|length|width|height|depth|distance|offset|position|index|order|"
    "ordinal|sequence|counter|precision|multiplier|factor|betrag|anzahl|menge|preis|montant|"
    // time
    "date|time|datetime|timestamp|at|day|week|month|quarter|year|hour|minute|second|jahr|monat|"
    "annee|mois|ano|anno|on|until|since|deadline|schedule|cron|timezone|zone|datum|fecha|heure|"
    // rules
    "policy|method|strategy|rule|logic|criteria|requirement|permission|privilege|scope|role|"
    "access|visibility|privacy|consent|confirmed|verified|enabled|disabled|required|allowed|"
    "accepted|subscribed|sent|opened|protocol|scheme|process|operation|action|event|trigger|task|"
    "job|queue|worker|handler|callback|listener|hook|command|purpose|usage|currency|locale|"
    "language|lang|country";
// Software's words: what ends in one of them is a thing, where nothing before it speaks of a person.
constexpr string_view kThings =
    // where things are kept
    "file|filename|folder|directory|path|extension|ext|mime|bucket|blob|object|attachment|upload|"
    "database|schema|table|column|field|row|record|partition|shard|cluster|node|server|host|"
    "hostname|port|domain|subdomain|endpoint|route|region|environment|env|realm|namespace|tenant|"
    "storage|backend|service|engine|adapter|provider|connector|connection|integration|platform|"
    "system|os|browser|architecture|cpu|model|manufacturer|brand|device|module|component|package|"
    "library|plugin|version|revision|release|build|branch|commit|sha|ref|tag|constraint|hash|"
    "checksum|digest|md|crc|etag|"
    // what things are called
    "code|id|uid|uuid|guid|identifier|oid|xid|jid|tid|slug|permalink|number|no|sku|isbn|ean|upc|"
    "gtin|barcode|asin|issn|doi|continent|nation|land|pays|pais|county|province|bundesland|"
    // things
    "product|item|article|plan|subscription|package|feature|project|milestone|sprint|board|list|"
    "group|team|department|division|program|campaign|coupon|voucher|promotion|invoice|order|cart|"
    "payment|refund|shipment|delivery|carrier|warehouse|stock|lot|batch|serial|asset|resource|"
    "course|lesson|exam|quiz|genre|album|track|playlist|song|movie|film|book|chapter|page|"
    "section|block|menu|widget|banner|button|channel|topic|thread|forum|room|facility|building|"
    "floor|site|store|shop|hotel|restaurant|venue|school|hospital|clinic|ward|drug|medicine|"
    "vaccine|dosage|dose|form|vehicle|make|fuel|part|tool|machine|sensor|metric|measure|"
    "dimension|attribute|characteristic|criterion|concept|vocabulary|relationship|mapping|mapper|"
    "translation|word|synonym|discriminator|config|configuration|pool|collection|set|source|"
    "target|medium|comparator|function|procedure|view|sql|regex|pattern|expression|formula|"
    "syntax|macro|font|css|js|animation|parent|root|leaf|tree|hierarchy|ancestry|charge|addon|"
    "theme|layout|template|flow|workflow|algorithm|alg|algo|benefit|wallet|credit|debit|"
    "transaction|ledger|adjustment|entitlement|alert|notification|webhook|import|export|sync|"
    "migration|seed|fixture|experiment|test|sample|dataset|leaderboard|challenge|round|badge|"
    "award|achievement|claim|prefix|suffix";

// A code, key or link of it lets somebody in.
constexpr string_view kGuards =
    "auth|authorization|authentication|authn|access|verification|verify|verifier|confirm|"
    "confirmation|activation|activate|reset|recovery|recover|backup|security|invite|invitation|"
    "join|login|signin|signup|registration|unlock|otp|totp|mfa|fa|sms|secret|private|api|signing|"
    "encryption|decryption|hmac|master|session|ssh|gpg|pgp|shared|deploy|webhook|personal|pass|"
    "pin|oauth|sso|magic|device|user|email|push|remember|redemption|gift|entry|door|gate|license|"
    "licence|password|passwort|einladung|crypto|cipher|symmetric|asymmetric|jwt|token";

using Words = std::unordered_set<string_view>;

template <typename Each>
void for_each_phrase(string_view phrases, Each each) {
  while (!phrases.empty()) {
    const size_t bar = phrases.find('|');
    each(phrases.substr(0, bar));
    phrases = bar == string_view::npos ? string_view() : phrases.substr(bar + 1);
  }
}

Words words_in(string_view phrases) {
  Words words;
  for_each_phrase(phrases, [&](string_view phrase) { words.insert(phrase); });
  return words;
}

constexpr size_t kPhraseWordsMax = 4;

struct Vocabulary {
  std::unordered_map<string_view, const Meaning*> meanings;
  std::unordered_map<string_view, const Meaning*> head_first;
  Words persons = words_in(kPersons);
  Words perhaps_persons = words_in(kPerhapsPersons);
  Words firms = words_in(kFirms);
  Words free_text = words_in(kFreeText);
  Words descriptions = words_in(kDescriptions);
  Words things = words_in(kThings);
  Words guards = words_in(kGuards);
  Words known;

  Vocabulary() {
    for (const Entry& entry : kEntries) {
      for_each_phrase(entry.phrases, [&](string_view phrase) {
        (entry.head_first ? head_first : meanings).emplace(phrase, &entry.meaning);
        add_known(phrase);
      });
    }
    for (string_view list : {kPersons, kPerhapsPersons, kFirms, kFreeText, kDescriptions, kThings, kGuards})
      for_each_phrase(list, [&](string_view phrase) { add_known(phrase); });
    for (string_view word :
         {"name",       "nummer",    "datum",     "key",       "url",    "link",     "first",
          "last",       "full",      "middle",    "given",     "family", "display",  "birth",
          "kunden",     "strassen",  "rechnungs", "liefer",    "zip",    "post",     "created",
          "updated",    "wohn",      "haus",      "ort",       "tag",    "vor",      "nach",
          "ciphertext", "plaintext", "lowercase", "uppercase", "bcrypt", "encrypted"})
      known.insert(word);
  }

 private:
  void add_known(string_view phrase) {
    while (!phrase.empty()) {
      const size_t blank = phrase.find(' ');
      known.insert(phrase.substr(0, blank));
      phrase = blank == string_view::npos ? string_view() : phrase.substr(blank + 1);
    }
  }
};

const Vocabulary& vocabulary() {
  static const Vocabulary kVocabulary;
  return kVocabulary;
}

std::string joined(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

}  // namespace

const Meaning* meaning_at_head(std::span<const std::string> words, std::string& phrase) {
  const size_t most = std::min(words.size(), kPhraseWordsMax);
  for (size_t size = most; size > 0; --size) {
    phrase = joined(words.last(size));
    auto found = vocabulary().meanings.find(phrase);
    if (found != vocabulary().meanings.end()) return found->second;
  }
  for (size_t size = most; size > 0; --size) {
    phrase = joined(words.first(size));
    auto found = vocabulary().head_first.find(phrase);
    if (found != vocabulary().head_first.end()) return found->second;
  }
  phrase.clear();
  return nullptr;
}

const Meaning* meaning_anywhere(std::span<const std::string> words, std::string& phrase) {
  for (size_t at = 0; at < words.size(); ++at) {
    for (size_t size = std::min(words.size() - at, kPhraseWordsMax); size > 0; --size) {
      phrase = joined(words.subspan(at, size));
      for (const auto* map : {&vocabulary().meanings, &vocabulary().head_first}) {
        auto found = map->find(phrase);
        if (found != map->end()) return found->second;
      }
    }
  }
  phrase.clear();
  return nullptr;
}

bool is_person(string_view word) { return vocabulary().persons.contains(word); }
bool is_perhaps_person(string_view word) { return vocabulary().perhaps_persons.contains(word); }
bool is_firm(string_view word) { return vocabulary().firms.contains(word); }
bool describes(string_view word) { return vocabulary().descriptions.contains(word); }
bool is_thing(string_view word) { return vocabulary().things.contains(word); }
bool is_free_text(string_view word) { return vocabulary().free_text.contains(word); }
bool guards(string_view word) { return vocabulary().guards.contains(word); }
bool is_known(string_view word) { return vocabulary().known.contains(word); }

}  // namespace ytb::masking
