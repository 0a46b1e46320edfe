"""The vocabulary of the synthetic lines: plain word lists, written for ocrx, with no sentence from any data set."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _items(text: str) -> tuple[str, ...]:
    """What stands between bars; line ends count as spaces."""
    return tuple(" ".join(item.split()) for item in text.split("|"))


COMMON = _words(
    """
the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one
you were all her she there would their we him been has when who will no more if out so up said what its about than
into them can only other time new some could these two may first then do any like my now over such our man me even
most made after also did many off before must well back through years much where your way down should because long
each just state those people too mr how little good world make very year still see own work men day get here between
both under last never same another know while us might great go come since against right came take used himself few
house use place during high without again home around small however found part school every upon think once does
number course war until always away something fact water though less public put thing almost hand enough far took head
yet government system better set told nothing night end why called didn eyes find going look asked later knew point
next program city business give group toward young days let room president side social given present several order
national possible rather second face per among form important often things looked early white case large big need four
within felt children along saw best church ever least power development light thought seemed family interest want
members mind country area others done turned although open god service certain kind problem began different door thus
help sense means whole matter name keep line itself act hour show play free step real move live feel hold run turn
start hear read bring write sit stand lose pay meet include continue learn change lead understand watch follow stop
create speak allow add spend grow walk win offer remember love consider appear buy wait serve die send expect build
stay fall cut reach kill remain suggest raise pass sell require report decide pull account action address advice age
agree air amount animal answer apple arm article attention author autumn average baby bad bag ball bank base basket
bath beach bear beautiful bed behind believe bell below beside bird birth black blood blow blue board boat body bone
book border born bottle bottom bowl box boy branch bread break breath bridge bright brother brown brush building burn
bus butter button cake camera camp capital captain car card care carry cat cause century chair chance character cheap
check cheese chest chief child choice choose circle claim class clean clear climb clock close cloth clothes cloud
coast coat coffee cold collect college colour color comfort committee common community company compare complete
computer condition contact contain contract control cook cool copper copy corn corner correct cost cotton count couple
cover cow cream credit crime cross crowd cry cup current customer dance danger dark data date daughter dead deal dear
death december decision deep defence degree demand department describe desert design desk detail difference difficult
dinner direct direction discover discuss disease distance district divide doctor dog dollar double doubt dream dress
drink drive drop dry dust duty east easy eat edge education effect effort egg eight either electric eleven empire
employ empty enemy energy engine english enjoy enter entire equal error escape especially europe evening event example
except exchange excuse exercise exist experience explain express extra eye factory fail fair faith false famous farm
fast father favour fear february feed field fifteen fifth fifty fight figure fill film final fine finger finish fire
fish fit five fix flag flat flight floor flower fly food foot force foreign forest forget forgive fork former forward
france freedom fresh friday friend front fruit full fun funny furniture future game garden gas gate gather general
gentle german gift girl glad glass goal gold grain grass gray green grey ground growth guard guess guest guide gun
hair half hall hang happen happy hard hat hate health heart heat heaven heavy height hello herself hide hill history
hit hole holiday honest hope horse hospital host hot hotel human hundred hungry hurry hurt husband ice idea ill image
imagine inch increase indeed independent industry inform inside instead insurance iron island issue january jewel job
join journey judge juice july jump june justice key king kitchen knee knife knock knowledge labour lady lake lamp land
language late laugh law lay lazy leaf leather leave left leg lend length lesson letter level library lie life lift
limit lip list listen london lord loss lot loud low luck lunch machine main manager manner map march mark market marry
master match material meal meaning measure meat medical medicine member memory mention message metal method middle
midnight mile military milk million mine minister minute mirror miss mistake mix model modern moment monday money
month moon moral morning mother motion mountain mouth movement movie mrs mud music myself narrow nation nature near
neck neighbour neither nerve news newspaper nice nine nobody noise none north nose note notice november nurse object
ocean october office officer oil old onion operation opinion opposite orange organization original otherwise outside
oxygen page pain paint pair paper paragraph parent park partner party past patient peace pen pencil penny perfect
perhaps period person photo picture piece pig pilot pink pipe plain plan plane plant plastic plate pleasant please
plenty pocket poem police policy polite political poor popular population position post potato pound practice prefer
prepare press pressure pretty prevent price primary prince print prison private prize probably process produce product
professor profit progress project promise proof proper property protect proud prove provide pupil purple purpose push
quality quarter queen question quick quiet quite quote race radio rail rain range rate raw ready reason receive recent
recognize record red reduce region regular relation relax religion remove rent repair repeat reply republic research
respect rest result return review rice rich ride ring rise risk river road rock role roof root rope rough round row
royal rubber rule rush sad safe sail salad salt sand saturday sauce save scale scene science score sea search season
seat secret section security seed select self senate sentence september series serious seven shade shadow shake shape
share sharp sheep sheet shelf shine ship shirt shoe shoot shop shore short shoulder shout shower shut sick sign
silence silk silver similar simple sing single sister six size skill skin skirt sky sleep slip slow smell smile smoke
smooth snow soap soft soil soldier solid solution son song soon sorry sort soul sound soup source south space spain
speed spell spirit spoon sport spot spread spring square staff stage stair stamp standard star station steal steam
steel stick stomach stone store storm story strange stream street strength stretch strike string strong structure
student study style subject success sudden suffer sugar suit summer sun sunday supply support suppose sure surface
surprise sweet swim sword sympathy table tail talk tall taste tax taxi tea teach team tear telephone television temple
ten term terrible test thank theatre theory thick thin third thirteen thirty thousand three throat throw thumb
thursday ticket tie tight till tiny tired title today toe together tomorrow tongue tonight tool tooth top total touch
tour towel tower town toy track trade train translate travel treat tree trial trip trouble truck true trust truth try
tube tuesday tune twelve twenty twice type ugly umbrella uncle union unit university usual valley value variety
various vegetable victory view village violin visit voice vote wage wall warm wash waste wave weak wealth weapon wear
weather wedding wednesday week weight welcome west wheat wheel whether whisper whistle wide wife wild wind window wine
wing winter wire wise wish woman wonder wood wool word worker worry worth wound wrist wrong yard yellow yes yesterday
zero zone zoo
"""
)

MONTHS = _words("January February March April May June July August September October November December")
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
CURRENCIES = _words("RM RM RM $ $ € £ ¥ USD MYR S$ EUR Rp")
VARIANTS = _words("L S M XL B HOT COLD R 1 2 PCS NEW")

FIRST_NAMES = _words(
    """
James Mary John Linda Robert Susan Michael Karen David Nancy William Lisa Richard Betty Thomas Sandra Charles Ashley
Daniel Emily Matthew Donna Anthony Michelle Mark Carol Steven Amanda Paul Laura Andrew Sharon Joshua Cynthia Kevin
Kathleen Brian Amy George Anna Edward Ruth Ronald Olivia Timothy Sophia Jason Grace Jeffrey Victoria Ryan Alice Jacob
Julia Gary Hannah Eric Ahmad Siti Wei Mei Ling Kumar Raj Priya Nurul Aisyah Farid Hafiz Azman Ismail Jun Hao Xin Yi
Zul Faizal Hui Min Chong Arif Amir Suresh Anand Divya Lakshmi Fatimah Zainab Omar Yusof Kamal Rosnah Carlos Maria Jose
Luis Ana Pedro Hans Peter Klaus Ingrid Sven Pierre Jean Luc Marco Giulia Ivan Olga Quentin Xavier Zoe Yvonne Vincent
Walter
"""
)

LAST_NAMES = _words(
    """
Smith Johnson Williams Brown Jones Garcia Miller Davis Wilson Anderson Taylor Thomas Moore Jackson Martin Lee Thompson
White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Nelson Baker Hall Rivera
Campbell Mitchell Carter Roberts Tan Lim Wong Ng Chan Chong Lau Goh Teoh Ong Koh Cheah Yap Low Chin Foo Ho Liew Loh
Mok Soh Sim Teh Yeoh Abdullah Rahman Hassan Ibrahim Ismail Othman Yusof Singh Kaur Pillai Nair Menon Krishnan Raman
Schmidt Weber Fischer Meyer Wagner Becker Rossi Ferrari Russo Dubois Durand Petit Moreau Novak Svoboda Kowalski Nowak
Ivanov Petrov Jensen Hansen Larsen Nielsen Costa Silva Santos Fernandez Lopez Gonzalez Quinn O'Brien O'Neill McDonald
MacKenzie Fitzgerald Vaughan Zimmerman Yates Dixon Maxwell Knox Hughes
"""
)

STREETS = _words(
    """
Main High Park Oak Maple Church Mill Station Victoria King Queen Bridge Market River Lake Hill Garden Chapel School
Spring Sunset Cedar Elm Pine Washington Lincoln Jefferson Franklin Madison Broad Centre Union Harbour Ocean Forest
Meadow Orchard Windsor Albert George Grove Highland Valley Prospect
"""
)

STREET_KINDS = _words(
    """
Street St St. Road Rd Rd. Avenue Ave Ave. Lane Ln Drive Dr Blvd Boulevard Way Court Ct Place Square Terrace Close
"""
)

MALAY_PLACES = _words(
    """
Ampang Bangsar Cheras Damansara Kepong Puchong Sentul Setapak Gombak Melaka Ipoh Klang Kajang Seremban Kuantan Muar
Kluang Skudai Tebrau Masai Senai Kulai Rawang Serdang Subang Sunway Kelana Bukit Pandan Wangsa Segambut Batu Desa
Permai Indah Maju Jaya Utama Mewah Perdana Harmoni Bestari Murni Seri Setia Tropika Mutiara Impian Cempaka Melati
Kenanga Mawar Anggerik Teratai Kemuning Putra Perkasa Sentosa Bahagia Aman Makmur Bayu Hijau Intan Berlian Austin
Molek Daya Rinting
"""
)

MALAY_AREAS = _items(
    """
Taman | Bandar | Bukit | Kampung | Desa | Kawasan Perindustrian | Pusat Bandar | Sri | Plaza | Wisma | Menara
| Bandar Baru
"""
)

MALAY_STATES = _items(
    """
Kuala Lumpur | Selangor | Johor Bahru | Johor | Penang | Pulau Pinang | Perak | Melaka | Negeri Sembilan | Pahang |
Kedah | Petaling Jaya | Shah Alam | Subang Jaya | Selangor Darul Ehsan | Johor Darul Takzim | W.P. Kuala Lumpur |
Malaysia | Seri Kembangan | Klang | Ipoh
"""
)

CITIES = _words(
    """
London Paris Berlin Madrid Rome Vienna Dublin Boston Chicago Dallas Denver Seattle Houston Phoenix Atlanta Miami
Toronto Montreal Sydney Melbourne Perth Auckland Singapore Bangkok Jakarta Manila Tokyo Osaka Seoul Mumbai Delhi
Chennai Dubai Cairo Nairobi Lagos Zurich Geneva Brussels Amsterdam Hamburg Munich Frankfurt Lisbon Porto Athens Prague
Warsaw Budapest Oslo Stockholm Helsinki Copenhagen Leeds Bristol Glasgow Edinburgh Cardiff Oxford Cambridge York
"""
)

STATES = _words(
    """
CA NY TX FL IL PA OH GA NC MI NJ VA WA AZ MA TN IN MO MD WI CO MN SC AL LA KY OR OK CT UT IA NV AR MS KS NM NE
"""
)

COMPANY_WORDS = _words(
    """
Global United National Premier Star Golden Royal Pacific Oriental Asia Eastern Western Modern Perfect Sunrise Lucky
Happy Fresh Good Super Mega Top Best First Classic Grand City Family Home Ocean Dragon Phoenix Tiger Lion Eagle
Crystal Diamond Silver Green Blue Red Unique Smart Tech Digital Power Bright Prime Quality Value Express Speedy
Universal Syarikat Perniagaan Kedai Restoran Restaurant Cafe Pasaraya Mini Market Hardware Trading Enterprise Bakery
Pharmacy Stationery Books Electrical Motor Auto Furniture Fashion Seafood Steamboat Kopitiam Food Beverage Catering
Industries Supply Services Holdings Marketing Machinery Timber Paint Plumbing Optical Dental Clinic Medical Petrol
Station Parking Hypermarket Supermarket Department Store Gift Deco Light House Paper Printing
"""
)

COMPANY_ENDS = _items(
    """
SDN BHD | SDN. BHD. | SDN.BHD. | SDN BHD. | BHD | ENTERPRISE | TRADING | TRADING SDN BHD | (M) SDN BHD | (M) SDN. BHD.
| & SONS | & CO. | CO. | CO., LTD. | LTD | LTD. | LIMITED | INC. | Inc | LLC | Corp. | PLC | GmbH | PTE LTD | PTE.
LTD. | HOLDINGS | GROUP | S.A. | AG | B.V.
"""
)

PRODUCTS = _words(
    """
Milk Bread Butter Egg Eggs Rice Sugar Salt Oil Flour Noodle Noodles Mee Nasi Lemak Ayam Ikan Udang Sayur Roti Teh Kopi
Tarik Ais Limau Milo Coffee Tea Latte Mocha Cappuccino Juice Orange Apple Banana Mango Watermelon Lemon Grape Coke
Cola Pepsi Sprite Water Mineral Beer Wine Chicken Beef Pork Lamb Fish Prawn Crab Tofu Soup Salad Sandwich Burger Fries
Pizza Pasta Cake Donut Cookie Biscuit Chocolate Candy Ice Cream Yogurt Cheese Sauce Chili Curry Garlic Onion Ginger
Pepper Tomato Potato Carrot Cabbage Mushroom Corn Spinach Soap Shampoo Toothpaste Brush Tissue Towel Paper Pen Pencil
Marker Eraser Ruler Notebook File Folder Envelope Tape Glue Stapler Scissors Battery Bulb Cable Adapter Charger Plug
Socket Switch Wire Screw Nut Bolt Nail Hammer Drill Bit Saw Hinge Lock Key Handle Hose Pipe Valve Tap Elbow Joint
Paint Roller Thinner Cement Sand Brick Tile Shirt Pants Jeans Dress Skirt Shoes Socks Hat Cap Belt Bag Wallet Watch
Ring Toy Doll Ball Puzzle Balloon Candle Frame Vase Basket Bucket Broom Mop Bin Tray Plate Bowl Cup Mug Glass Spoon
Fork Knife Pan Pot Kettle Fan Lamp Heater Diesel Petrol Unleaded Engine Filter Tyre Wiper Wash Service Labour Fee
Delivery Deposit Ticket Pass Card Voucher Book Magazine Stamp Photo Print Copy Sticker Ribbon Plastic Foam Board
Sponge Cleaner Detergent Bleach Gloves Mask Cotton Bandage Vitamin Tablet Capsule Syrup
"""
)

PRODUCT_ADJECTIVES = _words(
    """
Hot Cold Iced Fresh Fried Grilled Steamed Spicy Sweet Mixed Special Large Regular Small Medium Big Mini Jumbo Extra
Double Set Combo Original Classic White Black Red Blue Green Yellow Brown Pink Clear Soft Hard Dry Wet Light Dark
Plain Full Half Low Fat Free Organic Natural Premium Super Ultra Value Family Pack Refill S/Less Stainless Steel
Plastic Wooden Metal Round Square Flat Long Short Thin
"""
)

UNITS = _words(
    """
KG G GM ML L LTR PCS PC PKT PACK BOX BTL CAN SET ROLL M CM MM INCH UNIT EA DOZ SHEET X
"""
)

RECEIPT = _items(
    """
Total | Sub Total | Subtotal | SubTotal | Grand Total | Net Total | Total Amount | Total Due | Amount Due | Total
Sales | Total Payable | Total Qty | Total Item | Cash | Change | Balance | Rounding | Rounding Adj | Rounding
Adjustment | Round Off | Discount | Disc | Less | Tax | GST | SST | VAT | Service Charge | Svc Chg | Tip | Tax Invoice
| Invoice | Invoice No | Invoice No. | Inv No | Inv. No. | Receipt | Receipt No | Receipt # | Bill No | Bill | Doc No
| Document No | Order No | Order | Ref | Ref No | Trans No | Transaction | Trn | Slip No | Check No | Table | Table No
| Pax | Guest | Counter | Terminal | Till | POS | Store | Branch | Outlet | Cashier | Served By | Server | Operator |
Staff | User | Salesperson | Sales Person | Customer | Cust | Member | Member No | Card No | Approval Code | Auth Code
| Batch | Trace | Visa | Master | Debit | Credit Card | Date | Time | Date/Time | Printed | Tel | Tel No | Phone | Fax
| H/P | E-mail | Email | Website | GST No | GST ID | GST Reg No | Reg No | Co. Reg | Company No | Roc No | TIN | Item
| Items | Item Code | Code | Description | Desc | Qty | Quantity | Price | Unit Price | U.Price | U/P | Amount | Amt |
Amount (RM) | Amt(RM) | Price (RM) | Total (RM) | Tax (RM) | GST (RM) | RM | USD | Tax Code | Tax Amount | GST Summary
| GST Analysis | Taxable Amount | Excl. GST | Incl. GST | (Inclusive of GST) | Inclusive GST | Total Excl GST | Total
Incl GST | Total Inclusive | Net Amount | Gross Amount | Paid | Payment | Payment Mode | Tender | Tendered | Cash
Tendered | Received | Points | Points Earned | Savings | You Saved | Zero Rated | Standard Rated | SR | ZRL | ZR | SRM
| OS | Pump | Litre | Litres | Vehicle No | Remarks | Signature | Terms | Due Date | Page | Sold To | Bill To | Ship
To | Attn | Description of Goods | No. | No | S/N | Line | Bal | Opening Balance | Closing Balance | Deposit | Refund
| Void | Copy | Reprint | Duplicate | Take Away | Dine In | Self Pickup | Exchange | Due | Weight | Rate | Value |
Adult | Child | Seat | Gate | Flight | Room | Nights | Check In | Check Out
"""
)

PHRASES = _items(
    """
thank you | thank you for your purchase | thank you for shopping with us | please come again | thank you please come
again | have a nice day | goods sold are not refundable | no refund or exchange | no exchange without receipt | please
keep this receipt | exchange within 14 days | all prices include tax | prices are inclusive of gst | this is a
computer generated document | no signature is required | terms and conditions apply | customer copy | merchant copy |
not for sale | free delivery | open daily | we accept all major cards | see you again soon | follow us on | visit us
at | for enquiries please call | ask for our member card | buy one free one | special offer | while stocks last | made
in germany | all rights reserved | to be continued | private and confidential | please print clearly | for office use
only | page intentionally left blank | sign here | subject to change without notice | your order number | items sold |
served with love | keep refrigerated | handle with care | this side up | best before | use by | store in a cool dry
place | do not bend | fragile | no entry | no smoking | exit | push | pull | open | closed | sale | new arrivals |
goods returned must be in good condition | receipt must be shown | terima kasih | sila datang lagi | selamat jalan |
barang yang dijual tidak boleh ditukar
"""
)

REGISTRATIONS = _items(
    """
GST ID | GST NO | GST No | GST Reg No | GST ID No | GST REG # | (GST ID | (GST NO | Co. Reg No | CO.REG | CO NO | Reg
No | ROC NO | Company Reg No | (Co. No. | VAT No | USt-IdNr. | Tax ID | TIN | ID
"""
)

CODE_HEADS = _words(
    """
INV CS SI R V A B C PO DO S T TX OR CR M P IV
"""
)

PHONE_HEADS = _items(
    """
Tel: | TEL: | Tel : | TEL : | Tel. | TEL | Fax: | FAX: | FAX : | H/P: | Phone: | Telephone: | T: | Hotline:
"""
)

PRICE_TAILS = _words(
    """
SR S ZRL Z T - * SRM RM € A B TX E
"""
)

PERCENTS = _items(
    """
{}% | {}% | {} % | @{}% | @ {}% | ({}%) | (@ {}%) | (@{}%) | SR @ {}% | GST {}% | SR {}% | GST @{}% | Disc {}% | -{}% |
TAX {}% | ={}% | SR ({}%) | ZR ({}%) | ZRL ({}%) | ZRL @ {}% | ZR {}% | Total {}% supplies | GST ({}%) | VAT {}% |
GST @ {}% | Discount {}% | Serv. Charge ({}%) | Service Tax {}% | SST {}% | Total GST @ {}% | Total {}% GST |
{}% Tax | {}% Disc
"""
)

STUBS = _words(
    """
0 0 0 SR SR S Z ZRL T RM RM X x : - * ** *** = @ # % & A E TX OS No Qty % $ (RM) Kg pcs 1. 2. a) (i) • °C ± ½ § € £ ¥ ©
® ™
"""
)

# A broken bar stands for the bar itself; a, b, c, d, x, y and year are drawn.
TECHNICAL = _items(
    r"""
{x} ± {y} | {x}°C | {x}° {y}' | {x} × {y} mm | © {year} {A} | {A}® | {A}™ | § {x} | §{x}.{y} | {x}½ | {x}–{y} | pp.
{x}–{y} | • {a} | • {a} {b} | {a} = {x}; | {a}[{x}] = {y} | {{{a}: {x}}} | {a}_{b} | <{a}> | </{a}> | {a} ¦ {b} |
~/{a}/{b} | C:\{a}\{b} | {a}({b}) | ${x}^{y}$ | {x}^2 | `{a}` | {x} < {y} | {x} > {y} | {x} + {y} = {year} | {x}/{y} |
{x}% | {a} & {b} | @{a} | #{a} | {a}: {x} | “{a} {b}” | ‘{a}’ | "{a}" | {a}… | {a} — {b} | {a} – {b} | €{x} |
£{x}.50 | ¥{x} | {x} € | {a}\{b} | {x} * {y} | [{x}] | [{a}] | {{{a}}} | !{a} | {a}? | {a}; {b} | v{d}.{d}.{y} | {x}
kg | {x} km/h | Fig. {d} | ({x}) | {d}. {a} | {c}) {a} | Q{d} {year} | {a}-{b} | {a}/{b} | {a}¦{b} | ½ {a} | {x}¥ | ±
{x} | ×{x}
"""
)
