"""The commonest words of languages beside English: they tell a language, and the index leaves them out.

Written in lower case with their accents; `language` folds them. By the names of their Snowball stemmers.
"""

from __future__ import annotations

from typing import Final

LATIN: Final[dict[str, str]] = {
    "german": (
        "ich du er sie es wir ihr mich mir dich dir ihn ihm uns euch mein meine meinen meinem meiner dein deine "
        "deinen sein seine seinen seiner unser unsere unseren der die das den dem des ein eine einen einem einer "
        "eines kein keine keinen und oder aber denn weil dass wenn als ob wie wo wer was wen wem wann warum "
        "welche welcher welches welchen woher wohin wofür womit worüber ist sind war waren bin bist habe hast hat "
        "haben hatte hatten wird werden wurde wurden würde kann können konnte muss müssen soll sollte will wollte "
        "möchte nicht noch nur schon auch sehr so dann doch mal im in am an auf aus bei beim mit nach von vom vor "
        "zu zum zur für gegen ohne um über unter durch seit bis hier da dort dieser diese dieses diesen jetzt "
        "immer sich man dass etwas"
    ),
    "spanish": (
        "yo tú él ella ello nosotros vosotros ellos ellas me te se nos os lo la los las le les mi mis tu tus su "
        "sus nuestro nuestra nuestros nuestras el un una unos unas y e o u pero porque que qué quién quiénes cuál "
        "cuáles cuándo dónde cómo cuánto cuánta cuántos cuántas cuando donde como es son era eran fue fueron ser "
        "soy eres está están estoy estaba estar he ha has han había haber hay tengo tiene tienen tenía no sí ya "
        "muy más menos también tampoco de del a al en con por para sin sobre entre hasta desde hacia este esta "
        "esto estos estas ese esa eso esos esas aquel aquella si ni mí ti hace"
    ),
    "french": (
        "je tu il elle on nous vous ils elles me te se le la les l d j qu c n m t s lui leur leurs mon ma mes ton "
        "ta tes son sa ses notre nos votre vos un une des du de au aux et ou mais donc car que qui quoi quel "
        "quelle quels quelles quand où comment pourquoi combien est sont était étaient être suis es sommes êtes "
        "ai as a avons avez ont avait avoir ne pas plus très aussi dans en sur sous avec sans pour par chez vers "
        "entre ce cet cette ces cela ça y si ni fait"
    ),
    "italian": (
        "io tu lui lei noi voi loro mi ti si ci vi lo la li le gli ne il i un uno una e ed o ma perché che chi "
        "cosa quale quali quando dove come quanto quanta quanti quante è sono era erano essere sei siamo ho hai "
        "ha abbiamo avete hanno aveva avere stato stata non più molto anche di del dello della dei degli delle a "
        "al allo alla ai agli alle da dal dalla in nel nella nei nelle con su sul sulla per tra fra mio mia miei "
        "mie tuo tua suo sua suoi sue nostro nostra questo questa questi queste quello quella se l d c dell nell "
        "all"
    ),
    "portuguese": (
        "eu tu ele ela nós vós eles elas você vocês me te se nos lhe lhes o a os as um uma uns umas e ou mas "
        "porque que quem qual quais quando onde como quanto quanta quantos quantas é são era eram foi foram ser "
        "sou está estão estava estou tem têm tinha tenho ter há não sim já muito mais também de do da dos das em "
        "no na nos nas num numa com por pelo pela para pra sem sobre entre até desde meu minha meus minhas teu "
        "tua seu sua seus suas nosso nossa este esta isto esse essa isso aquele aquela ao à aos às"
    ),
    "dutch": (
        "ik jij je u hij zij ze het wij we jullie mij me jou hem haar ons hun mijn jouw zijn onze de een en of "
        "maar want omdat dat die dit deze als wie wat waar wanneer hoe waarom welke welk is was waren ben bent "
        "heb hebt heeft hebben had hadden word wordt worden werd kan kunnen kon moet moeten zal zou wil niet geen "
        "nog ook al er heel zeer in op aan uit bij met naar van voor te tot door over onder om zonder tegen sinds "
        "hier daar nu"
    ),
    "swedish": (
        "jag du han hon den det vi ni de mig dig honom henne oss er dem min mitt mina din ditt dina sin sitt sina "
        "vår vårt våra hans hennes deras en ett och eller men för att som om när var vem vad vilken vilket vilka "
        "hur varför är vara varit har hade ha blir blev kan kunde ska skulle vill inte ingen inget också mycket i "
        "på av till från med utan under över mellan efter sedan här där nu denna detta dessa"
    ),
    "danish": (
        "jeg du han hun den det vi i de mig dig ham hende os jer dem min mit mine din dit dine sin sit sine vores "
        "hans hendes deres en et og eller men for at som om når hvor hvem hvad hvilken hvilket hvilke hvordan "
        "hvorfor er var være været har havde have bliver blev kan kunne skal skulle vil ikke ingen også meget på "
        "af til fra med uden under over mellem efter siden her der nu denne dette disse"
    ),
    "norwegian": (
        "jeg du han hun den det vi dere de meg deg ham henne oss dem min mitt mine din ditt dine sin sitt sine "
        "vår vårt våre hans hennes deres en ei et og eller men for at som om når hvor hvem hva hvilken hvilket "
        "hvilke hvordan hvorfor er var være vært har hadde ha blir ble kan kunne skal skulle vil ikke ingen også "
        "mye på av til fra med uten under over mellom etter siden her der nå denne dette disse"
    ),
    "finnish": (
        "minä sinä hän me te he minun sinun hänen meidän heidän minua minulla minulle se ne sen tämä tämän nämä "
        "ja tai mutta koska että jos kun kuin joka jotka mikä mitä kuka ketä missä mistä mihin milloin miten "
        "miksi on ovat oli olivat olen olet ole olla ei en et eivät myös hyvin vain jo nyt sitten siellä täällä "
        "kanssa"
    ),
    "hungarian": (
        "én te ő mi ti ők engem téged őt minket nekem neked neki az egy és vagy de mert hogy ha mint aki ami "
        "amely ez ezt azt ki mit hol hová honnan mikor hogyan miért melyik van vannak volt voltak vagyok vagy "
        "lesz nem nincs is már még csak nagyon itt ott most meg el"
    ),
    "turkish": (
        "ben sen o biz siz onlar beni seni onu bizi bana sana ona bize benim senin onun bizim sizin onların bir "
        "ve veya ama çünkü ki eğer ile için gibi kadar bu şu ne kim nerede nereye nereden zaman nasıl neden niçin "
        "hangi kaç mı mi mu mü var yok değil çok daha en de da ise sonra önce"
    ),
    "polish": (
        "ja ty on ona ono my wy oni one mnie ciebie jego jej nas was ich mi ci mu nam wam im się mój moja moje "
        "twój swój i a lub ale bo że żeby jeśli jak kto co gdzie kiedy dlaczego który która które jaki jaka jakie "
        "jest są był była było byli być jestem mam ma mają nie tak już też bardzo w we z ze na do od po przy "
        "przez dla o u za pod nad ten ta to te tym tego tej"
    ),
    "romanian": (
        "eu tu el ea noi voi ei ele mă te se îl îi ne vă le mi ți un o unei unui și sau dar pentru că care ce "
        "cine unde când cum cât de ce este e sunt era erau am ai are avem au fi fost nu da mai foarte în la cu pe "
        "din prin fără despre lângă meu mea mei mele tău ta său sa nostru noastră acest această acesta aceasta"
    ),
    "catalan": (
        "jo tu ell ella nosaltres vosaltres ells em et es ens us el la els les un una uns unes i o però perquè "
        "que qui què quan on com quant quina quin és són era eren ser soc està he ha han hem havia tinc té no sí "
        "molt més també de del dels a al als en amb per sense sobre fins des meu meva teu seva aquest aquesta "
        "això"
    ),
    "czech": (
        "já ty on ona ono my vy oni mě mne mi tě ti ho mu ji jí nás nám vás vám je jim můj moje moji tvůj svůj "
        "jeho její a nebo ale protože že aby když jak kdo co kde kdy proč který která které jaký jaká je jsou byl "
        "byla bylo byli být jsem jsi jsme mám má ne ano už také velmi v ve z ze na do od po při pro o u za pod "
        "nad ten ta to se si"
    ),
    "indonesian": (
        "saya aku kamu anda dia kami kita mereka ini itu dan atau tetapi tapi karena bahwa jika kalau seperti "
        "yang apa siapa mana dimana kapan bagaimana mengapa berapa adalah ada akan telah sudah belum tidak bukan "
        "juga sangat lebih di ke dari pada dengan untuk oleh tanpa dalam"
    ),
}

CYRILLIC: Final[dict[str, str]] = {
    "russian": (
        "я ты он она оно мы вы они меня мне мной тебя тебе его ему ей её ею нас нам вас вам их им мой моя моё мои "
        "моего моей моим моих твой твоя свой своя свои свою своего своей наш наша наше наши и а но или что чтобы "
        "если как кто кого кому чего чем где куда откуда когда почему зачем какой какая какое какие каком какую "
        "сколько чей это этот эта эти этом этой этого тот та те том того был была было были быть есть буду будет "
        "не нет да уже ещё очень тоже также только же ли бы в во с со на по к ко от из у за о об обо до для при "
        "под над без через между себя себе там тут здесь потом сейчас который которая которые"
    ),
    "serbian": (
        "ја ти он она ми ви они ме мене мој моја и али да ако као ко шта где када зашто је су сам био била нисам"
    ),
}

ARABIC: Final[dict[str, str]] = {
    "arabic": (
        "انا أنا أنت انت هو هي نحن هم هن في من إلى الى على عن مع منذ حتى بعد قبل عند بين بدون هذا هذه ذلك تلك "
        "هؤلاء الذي التي الذين و أو او ثم لكن لأن أن ان إن إذا اذا ما ماذا من متى أين اين كيف لماذا كم أي اي هل "
        "لا لم لن ليس كان كانت يكون قد كل لي له لها لنا كما أيضا ايضا جدا فقط"
    ),
    "persian": ("من تو او ما شما در به از با برای را که این آن و یا اما است بود هست شد می نمی چه کی کجا چرا چگونه هم"),
}

# In English texts these mean something else or stand in names: weaker signs of a language than the others.
WEAK_SIGNS: Final = (
    "want one over most word sense once ok under met ci jest car sans dir comment deg mar jo mint cet cat sim ar "
    "dig num ate dell ott fur yo par chi dos til ii af alla ama anda ale aku bent bist cum chez dar dal dei dort "
    "ell jag jim kan kita kun lei mais mam mas med mig mina mine mir mis molt nam nel ob ons pada para pela pra "
    "pri proc quin sau sein sem ser soc som sou sous stata sue sul tak tau ter tres tua um una uz vain vara vas "
    "vem vil volt wen wij wo yang yok zal ze zum heel hay haber noi saya sana seni senin stato tama van vores wam "
    "eres esse esa ile inte ona oni per por qui seva sobre son sua tuo tego tem za zu take care ya em die war den "
    "man hat mal bin hast mit das du dem der des la las los el le les de del di da von een sur pour plus ma mi pa "
    "en os qu ni ha mes ton sa se si te tu ta et al ne sin con uno un il io lo li gli po vi vos nos mon est men "
    "om sit din min hans ham hun hem haar hoe wie waar op dan door hier daar ten tot nu er ei ja na mana apa kami "
    "dia ada ke dari ai au aux all pod come com ed su mu kim bir sen ben biz var bu ki meg ti hol tej bo pro co "
    "ty je ce ca cu pe fi sunt era como dove han hon vad mein ho hai sei tai ole non pas sont ini itu akan"
)

HANGUL_PARTICLES: Final = (
    "에서는 에게서 으로는 까지는 부터는 한테서 이라고 입니다 이에요 에서 에게 한테 으로 까지 부터 처럼 보다 "
    "이랑 하고 예요 이나 라고 은 는 이 가 을 를 에 의 로 와 과 도 만 께 랑 야 나"
)
"""Endings of Korean nouns, longest first."""
